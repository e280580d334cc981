"""From any form of spots and labels to any other, and to markers for programs that cut video."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TextIO

from comedian.errors import InputError
from comedian.formats import e2e, labels_in, labels_out, osl, soccernet_labels, spreadsheet
from comedian.formats.actions import IN_FILE
from comedian.formats.markers import chapters, losslesscut, sportscode, timelines
from comedian.formats.moments import Moment, Placed, in_one_file, lost, one_line, plainly
from comedian.formats.soccernet import is_soccernet, read_soccernet
from comedian.formats.spots import read_spots, spots_files
from comedian.formats.text import decode

REMEDY = "say which form it is with --from"
RANGES, FRAMES = ("before", "after"), ("fps",)
ALWAYS = frozenset({"video", "half", "position_ms", "label", "video_ms"})


@dataclass(frozen=True)
class Ways:
    """What forms need to be told.

    Attributes:
        fps: frames a second, of forms that count frames.
        before_seconds, after_seconds: of a moment, where a form has ranges.
    """

    fps: float = 25.0
    before_seconds: float = 0.0
    after_seconds: float = 0.0


@dataclass(frozen=True)
class Output:
    """A form that can be written.

    Attributes:
        name: what people call it.
        suffixes: of files that mean it.
        kept: keys that it has a place for, or what stands for them.
        write: moments and ways -> text.
        told: what of `Ways` it needs.
        of_file: whether it is a timeline of one file, as editing programs have.
    """

    name: str
    suffixes: tuple[str, ...]
    kept: frozenset[str]
    write: Callable[[Sequence[Moment], Ways], str]
    told: tuple[str, ...] = ()
    of_file: bool = False


def _of_file(
    name: str, write: Callable[[list[Placed], Ways], str]
) -> Callable[[Sequence[Moment], Ways], str]:
    """A form of one file's timeline, whose labels are one line."""
    return lambda moments, ways: write(plainly(in_one_file(moments, name)), ways)


def _ranges(write: Callable[[Iterable[Placed], float, float], str]) -> Callable[[list[Placed], Ways], str]:
    return lambda placed, ways: write(placed, ways.before_seconds, ways.after_seconds)


OUTPUTS = {
    "jsonl": Output(
        "our JSON Lines", (".jsonl",), ALWAYS | {"confidence", "visibility", "team"},
        lambda moments, ways: labels_out.lines(moments),
    ),
    "soccernet-labels": Output(
        "SoccerNet's labels", (), ALWAYS - {"video_ms"} | {"visibility", "team"},
        lambda moments, ways: labels_out.soccernet(moments),
    ),
    "soccernet-ball": Output(
        "SoccerNet Ball's labels", (), ALWAYS | {"visibility", "team"},
        lambda moments, ways: labels_out.ball(moments),
    ),
    "e2e-spot": Output(
        "E2E-Spot's JSON", (), ALWAYS - {"video_ms"} | {"visibility", "team"},
        lambda moments, ways: labels_out.e2e(moments, ways.fps),
        told=FRAMES,
    ),
    "osl": Output(
        "OSL JSON 2.0", (), ALWAYS | {"confidence", "visibility", "team"},
        lambda moments, ways: labels_out.osl(moments),
    ),
    "csv": Output(
        "a table (CSV)", (".csv", ".tsv"), frozenset(spreadsheet.KEPT),
        lambda moments, ways: spreadsheet.write(moments),
    ),
    "sportscode": Output(
        "Sportscode's XML", (".xml",), ALWAYS | {"confidence", "team"},
        _of_file("Sportscode's XML", _ranges(sportscode.write)),
        told=RANGES, of_file=True,
    ),
    "losslesscut": Output(
        "LosslessCut's CSV", (), ALWAYS - {"half"},
        _of_file("LosslessCut's CSV", _ranges(losslesscut.write_csv)),
        told=RANGES, of_file=True,
    ),
    "llc": Output(
        "a project of LosslessCut", (".llc",), ALWAYS - {"half"},
        _of_file("a project of LosslessCut", _ranges(losslesscut.write_llc)),
        told=RANGES, of_file=True,
    ),
    "edl": Output(
        "Resolve's marker EDL", (".edl",), ALWAYS - {"half"} | {"confidence"},
        _of_file("an EDL", lambda placed, ways: timelines.edl(placed, ways.fps)),
        told=FRAMES, of_file=True,
    ),
    "fcpxml": Output(
        "FCPXML", (".fcpxml",), ALWAYS - {"half"},
        _of_file("FCPXML", lambda placed, ways: timelines.fcpxml(placed, ways.fps)),
        told=FRAMES, of_file=True,
    ),
    "ffmetadata": Output(
        "FFmetadata", (".ffmeta", ".ffmetadata"), ALWAYS - {"half"},
        _of_file("FFmetadata", lambda placed, ways: chapters.ffmetadata(placed)),
        of_file=True,
    ),
    "webvtt": Output(
        "WebVTT", (".vtt",), ALWAYS - {"half"},
        _of_file("WebVTT", lambda placed, ways: chapters.webvtt(placed)),
        of_file=True,
    ),
    "srt": Output(
        "SRT", (".srt",), ALWAYS - {"half"}, _of_file("SRT", lambda placed, ways: chapters.srt(placed)),
        of_file=True,
    ),
    "youtube": Output(
        "YouTube's chapters", (), ALWAYS - {"half"},
        _of_file("YouTube's chapters", lambda placed, ways: chapters.youtube(placed)),
        of_file=True,
    ),
}  # fmt: skip
JSON_FORMS = {
    "soccernet-labels": (soccernet_labels.LABELS,),
    "soccernet-ball": (soccernet_labels.LABELS,),
    "e2e-spot": (e2e.LABELS,),
    "osl": (osl.LABELS_1, osl.LABELS_2),
}
INPUTS = ("jsonl", "soccernet", "labels", *JSON_FORMS, "csv", "sportscode", "losslesscut", "llc")


def remarks(moments: Sequence[Moment], form: str, ways: Ways) -> list[str]:
    """What a form has no place for, or changes, in lines."""
    if form == "soccernet":
        unsure = sum("confidence" not in moment for moment in moments)
        return [f"{unsure} labels without a confidence get 1"] * bool(unsure)
    output, found = OUTPUTS[form], []
    if form != "jsonl" and (missing := lost(moments, output.kept)):  # which holds every key
        found.append(f"{output.name}: no place for {', '.join(missing)}")
    nameless = sum("confidence" in moment and not moment["video"] for moment in moments)
    if form == "jsonl" and nameless:
        found.append(f"{nameless} spots name no video, which other commands need; give --video")
    if "fps" in output.told and (moved := sum(_is_off(moment, ways.fps) for moment in moments)):
        found.append(f"{output.name}: {moved} times move to the nearest frame at {ways.fps:g} a second")
    if not output.of_file:
        return found
    if odd := sum(one_line(moment["label"]) != moment["label"] for moment in moments):
        found.append(f"{output.name}: {odd} labels are written in one line of letters")
    placed = in_one_file(moments, output.name)
    least = ways.before_seconds if "before" in output.told else 0
    if early := sum(seconds < least for seconds, _ in placed):
        found.append(f"{output.name}: {early} moments would begin before the file, and begin with it")
    if form == "youtube" and (near := len(placed) - len(chapters.apart(placed))):
        found.append(f"{output.name}: left out {near} less than {chapters.YOUTUBE_APART_SECONDS} s apart")
    return found


def _is_off(moment: Moment, fps: float) -> bool:
    """Whether the millisecond of a moment is not that of a frame."""
    frame = round(moment["position_ms"] * fps / 1000)
    return abs(frame * 1000 / fps - moment["position_ms"]) > 0.5


def ignored(moments: Sequence[Moment], form: str) -> set[str]:
    """Which of `Ways` have no effect on moments that were read, and on the form to write."""
    told = set(OUTPUTS[form].told) if form in OUTPUTS else set()
    if any(moment["half"] == IN_FILE for moment in moments):
        told.add("before")  # they may come from ranges
    return {*RANGES, *FRAMES} - told


def output_form(name: str) -> str | None:
    """The form that a file's name means; None where it means none."""
    suffix = Path(name).suffix.lower()
    return next((form for form, output in OUTPUTS.items() if suffix in output.suffixes), None)


def read_moments(path: str | Path, form: str | None = None, ways: Ways | None = None) -> list[Moment]:
    """The moments of a file of any form that is read, of a folder of JSON Lines, or of SoccerNet's results.

    Args:
        form: one of `INPUTS`; None tells it by what the file holds.

    Raises:
        InputError: it is of none of the forms, or an entry is wrong (with its place).
    """
    path = Path(path)
    if not path.exists():
        raise InputError("no such file or folder", path, "check the path")
    if form in (None, "jsonl") and (files := spots_files(path)):
        return [moment for file in files for moment in read_moments(file, "jsonl")]
    if path.is_dir() and form not in (None, "soccernet"):
        raise InputError("is a folder", path, "name a file, or leave --from away")
    if form == "soccernet" or (form is None and is_soccernet(path)):
        return [dict(spot) for spot in read_soccernet(path)]
    if form in (None, "labels") and path.name == soccernet_labels.BALL_LABELS_NAME:
        form = "soccernet-ball"  # its content does not tell
    return of_text(decode(path.read_bytes(), path, REMEDY), str(path), form, ways or Ways())


def of_stream(stream: TextIO, file: str, form: str | None = None, ways: Ways | None = None) -> list[Moment]:
    """The moments of a stream; as `read_moments`."""
    text = decode(stream.buffer.read(), file, REMEDY) if hasattr(stream, "buffer") else stream.read()
    return of_text(text, file, form, ways)


def of_text(text: str, file: str, form: str | None = None, ways: Ways | None = None) -> list[Moment]:
    """The moments of a text of any form; as `read_moments`."""
    found, before = form or _guess(text), (ways or Ways()).before_seconds
    if found == "jsonl":
        return _of_lines(text, file)
    if found == "csv":
        return spreadsheet.read(text, file)
    if found == "sportscode":
        return sportscode.read(text, file, before)
    if found == "losslesscut":
        return losslesscut.read_csv(text, file, before)
    if found == "llc":
        return losslesscut.read_llc(text, file, before)
    moments = labels_in.read(text, file, JSON_FORMS.get(found, ()))
    return labels_in.on_one_timeline(moments, file) if found == "soccernet-ball" else moments


def _guess(text: str) -> str:
    """The form of a text by what it holds; "labels" is JSON of whatever kind."""
    start = text.lstrip("\ufeff \n\r\t")
    if sportscode.fits(text):
        return "sportscode"
    if start.startswith(("{", "[")):
        if losslesscut.fits_llc(text):
            return "llc"
        return "jsonl" if _is_line(start.partition("\n")[0]) else "labels"
    if spreadsheet.fits(text):
        return "csv"
    return "losslesscut" if losslesscut.fits_csv(text) else "jsonl"


def _is_line(line: str) -> bool:
    """Whether a line is a spot or label by itself."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "label" in content


def _of_lines(text: str, file: str) -> list[Moment]:
    """Spots a line, or labels of our own form."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    if first and '"confidence"' in first:
        return [dict(spot) for spot in read_spots(StringIO(text), file)]
    return labels_in.read(text, file) if first else []
