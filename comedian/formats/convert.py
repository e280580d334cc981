"""From any form of spots and labels to any other, and to markers for programs that cut video."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from comedian.errors import InputError
from comedian.formats import labels, labels_out, spreadsheet
from comedian.formats.markers import chapters, losslesscut, sportscode, timelines
from comedian.formats.moments import Moment, Placed, in_one_file, of_actions
from comedian.formats.soccernet import is_soccernet, read_soccernet
from comedian.formats.spots import read_spots
from comedian.formats.text import decode, parse_json

REMEDY = "say which form it is with --from"
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
    """

    name: str
    suffixes: tuple[str, ...]
    kept: frozenset[str]
    write: Callable[[Sequence[Moment], Ways], str]


def _of_file(
    name: str, write: Callable[[list[Placed], Ways], str]
) -> Callable[[Sequence[Moment], Ways], str]:
    """A form of one file's timeline."""
    return lambda moments, ways: write(in_one_file(moments, name), ways)


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
    ),
    "losslesscut": Output(
        "LosslessCut's CSV", (), ALWAYS - {"half"},
        _of_file("LosslessCut's CSV", _ranges(losslesscut.write_csv)),
    ),
    "llc": Output(
        "a project of LosslessCut", (".llc",), ALWAYS - {"half"},
        _of_file("a project of LosslessCut", _ranges(losslesscut.write_llc)),
    ),
    "edl": Output(
        "Resolve's marker EDL", (".edl",), ALWAYS - {"half"} | {"confidence"},
        _of_file("an EDL", lambda placed, ways: timelines.edl(placed, ways.fps)),
    ),
    "fcpxml": Output(
        "FCPXML", (".fcpxml",), ALWAYS - {"half"},
        _of_file("FCPXML", lambda placed, ways: timelines.fcpxml(placed, ways.fps)),
    ),
    "ffmetadata": Output(
        "FFmetadata", (".ffmeta", ".ffmetadata"), ALWAYS - {"half"},
        _of_file("FFmetadata", lambda placed, ways: chapters.ffmetadata(placed)),
    ),
    "webvtt": Output(
        "WebVTT", (".vtt",), ALWAYS - {"half"},
        _of_file("WebVTT", lambda placed, ways: chapters.webvtt(placed)),
    ),
    "srt": Output(
        "SRT", (".srt",), ALWAYS - {"half"}, _of_file("SRT", lambda placed, ways: chapters.srt(placed)),
    ),
    "youtube": Output(
        "YouTube's chapters", (), ALWAYS - {"half"},
        _of_file("YouTube's chapters", lambda placed, ways: chapters.youtube(placed)),
    ),
}  # fmt: skip
INPUTS = ("jsonl", "soccernet", "labels", "csv", "sportscode", "losslesscut", "llc")


def output_form(name: str) -> str | None:
    """The form that a file's name means; None where it means none."""
    suffix = Path(name).suffix.lower()
    return next((form for form, output in OUTPUTS.items() if suffix in output.suffixes), None)


def read_moments(path: str | Path, form: str | None = None, ways: Ways | None = None) -> list[Moment]:
    """The moments of a file of any form that is read, or of a folder or zip of SoccerNet's results.

    Args:
        form: one of `INPUTS`; None tells it by what the file holds.

    Raises:
        InputError: it is of none of the forms, or an entry is wrong (with its place).
    """
    path = Path(path)
    if not path.exists():
        raise InputError("no such file or folder", path, "check the path")
    if form == "soccernet" or (form is None and is_soccernet(path)):
        return [dict(spot) for spot in read_soccernet(path)]
    return of_text(decode(path.read_bytes(), path, REMEDY), str(path), form, ways or Ways())


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
        content = parse_json(losslesscut.from_json5(text), file, losslesscut.LLC_REMEDY)
        return losslesscut.read_llc(content, file, before)
    return _of_labels(text, file)


def _guess(text: str) -> str:
    """The form of a text by what it holds; "labels" is JSON of whatever kind."""
    start = text.lstrip("\ufeff \n\r\t")
    if sportscode.fits(text):
        return "sportscode"
    if start.startswith(("{", "[")):
        if "cutSegments" in start[:4096] and "annotations" not in start[:4096]:
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
    return _of_labels(text, file) if first else []


def _of_labels(text: str, file: str) -> list[Moment]:
    """Labels of whatever form; SoccerNet's with their teams."""
    content = labels.parse(text, file)
    moments = of_actions(labels.sets_of(content, file))
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        game = content.get("UrlLocal")
        game = game.strip("/") if isinstance(game, str) else ""
        for moment, item in zip(moments, content["annotations"], strict=True):
            moment["video"] = f"{game}/{moment['half']}" if game else ""
            if item.get("team") not in (None, "", "not applicable"):
                moment["team"] = item["team"]
    elif isinstance(content, list) and len(content) == len(moments):  # our own, with other keys
        pairs = zip(content, moments, strict=True)
        moments = [{**item, **moment} if "label" in item else moment for item, moment in pairs]
    return moments
