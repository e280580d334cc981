"""LosslessCut's segments: CSV `start_s,end_s,label` without a header, and projects `.llc` (JSON5).

An empty end is a marker; what we write of a project is JSON, which JSON5 holds.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import PurePosixPath
from typing import Any

from comedian.errors import InputError
from comedian.formats.actions import IN_FILE
from comedian.formats.clocks import parse_clock
from comedian.formats.entries import number_in, read_entries, text_in
from comedian.formats.moments import Moment, Placed
from comedian.formats.text import parse_json

CSV_REMEDY = "write start,end,label a line, in seconds"
LLC_REMEDY = "give a project of LosslessCut"
NUMBER = r"\s*\d{1,9}(?:\.\d{1,30})?\s*"
VERSION = 2
LONGEST_HEAD = 4096  # characters before the segments
STRING = r""" "(?:[^"\\\n]|\\(?s:.))*" | '(?:[^'\\\n]|\\(?s:.))*' """
JSON5 = re.compile(
    rf"""(?P<string>{STRING}) | (?P<comment>//[^\n]* | /\*(?s:.*?)\*/)
    | (?P<key>[A-Za-z_$][\w$]*)(?=\s*:) | (?P<comma>,)(?=(?>\s|//[^\n]*|/\*(?s:.*?)\*/)*+[}}\]])""",
    re.VERBOSE,
)
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(?s:(.)))")
LETTERS = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "0": "\0",
    "\n": "",
}  # JSON5 5.1


def fits_csv(text: str) -> bool:
    """Whether the first line is a start, perhaps an end, and a name."""
    first = text.removeprefix("\ufeff").partition("\n")[0]
    return re.match(rf"{NUMBER},({NUMBER})?,.", first, re.ASCII) is not None


def read_csv(text: str, file: str, before_seconds: float = 0.0) -> list[Moment]:
    """The moments that lie `before_seconds` behind each segment's start; InputError with the line."""
    found, rows = [], csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""))
    for row in _rows(rows, file):
        if len(row) < 3 or not re.fullmatch(NUMBER, row[0], re.ASCII) or not row[2].strip():
            raise InputError("is no segment", f"{file}: line {rows.line_num}", CSV_REMEDY)
        found.append(_moment(parse_clock(row[0]) + before_seconds, row[2].strip(), ""))
    return found


def _rows(rows: Any, file: str) -> Iterator[list[str]]:
    """Rows that are not empty."""
    try:
        yield from filter(None, rows)
    except csv.Error as error:
        raise InputError(f"is no table: {error}", f"{file}: line {rows.line_num}", CSV_REMEDY) from None


def write_csv(placed: Iterable[Placed], before_seconds: float, after_seconds: float) -> str:
    """A line a moment; markers where there is no length."""
    stream = StringIO()
    table = csv.writer(stream, lineterminator="\n")
    for seconds, moment in placed:
        start, end = max(seconds - before_seconds, 0), seconds + after_seconds
        table.writerow([f"{start:.3f}", f"{end:.3f}" if end > start else "", moment["label"]])
    return stream.getvalue()


def fits_llc(text: str) -> bool:
    """Whether a text begins as a project does."""
    start = text.lstrip("\ufeff \n\r\t")[:LONGEST_HEAD]
    return start.startswith("{") and "cutSegments" in start and "annotations" not in start


def from_json5(text: str) -> str:
    """JSON of JSON5 as LosslessCut writes it: bare keys, single quotes, commas at ends, comments."""
    return JSON5.sub(_as_json, text)


def _as_json(match: re.Match) -> str:
    if match["string"]:
        return json.dumps(ESCAPE.sub(_unescaped, match["string"].strip()[1:-1]))
    return json.dumps(match["key"]) if match["key"] else ""


def _unescaped(match: re.Match) -> str:
    if code := match[1] or match[2]:
        return chr(int(code, 16))
    return LETTERS.get(match[3], match[3])


def read_llc(text: str, file: str, before_seconds: float = 0.0) -> list[Moment]:
    """The named segments of a project; InputError with the segment's number."""
    content = parse_json(from_json5(text), file, LLC_REMEDY)
    if not isinstance(content, dict) or "cutSegments" not in content:
        raise InputError("has no cutSegments", file, LLC_REMEDY)

    def read(entry: dict) -> Moment:
        seconds = float(number_in({"start": 0, **entry}, "start")) + before_seconds
        return _moment(seconds, text_in(entry, "name"), str(content.get("mediaFileName") or ""))

    return read_entries(content["cutSegments"], read, f"{file}: segment", LLC_REMEDY)


def write_llc(placed: Iterable[Placed], before_seconds: float, after_seconds: float) -> str:
    """A project of segments."""
    placed = list(placed)
    video = placed[0].moment["video"] if placed else ""
    segments = []
    for seconds, moment in placed:
        start, end = max(seconds - before_seconds, 0), seconds + after_seconds
        segment = {"start": round(start, 3), "name": moment["label"]}
        segments.append(segment | ({"end": round(end, 3)} if end > start else {}))
    project = {"version": VERSION, "mediaFileName": PurePosixPath(video).name, "cutSegments": segments}
    return json.dumps(project, indent=2, ensure_ascii=False) + "\n"


def _moment(seconds: float, label: str, video: str) -> Moment:
    return {"video": video, "half": IN_FILE, "position_ms": round(1000 * seconds), "label": label}
