"""Moments as a table for spreadsheets (CSV), and back after a person edited it there.

Columns are `COLUMNS`; clock is MM:SS.mmm in the half, seconds the same, video_seconds the time in the file.
Read are commas, semicolons or tabs between cells, decimal commas, a byte-order mark, and of times either.
"""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

from comedian.errors import InputError
from comedian.formats.actions import IN_FILE
from comedian.formats.clocks import parse_clock
from comedian.formats.entries import shown
from comedian.formats.moments import Moment

COLUMNS = (
    "video",
    "half",
    "clock",
    "seconds",
    "label",
    "confidence",
    "visibility",
    "team",
    "video_seconds",
)
KEPT = ("video", "half", "position_ms", "label", "confidence", "visibility", "team", "video_ms")
APART_MS = 1000  # that clock and seconds may differ: spreadsheets round clocks
LONGEST_HEAD = 4096  # characters of the first row
REMEDY = "name columns in the first row: half, clock or seconds, label"


def fits(text: str) -> bool:
    """Whether the first row names a label and a time."""
    names = _names(text)
    return "label" in names and bool({"clock", "seconds", "video_seconds"} & names)


def read(text: str, file: str) -> list[Moment]:
    """Moments of a table.

    Raises:
        InputError: a row has no label, no time, or a number that is none (with its place).
    """
    rows = csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=_delimiter(text))
    try:
        _name_columns(rows, file)
        return _moments(rows, file)
    except csv.Error as error:
        raise InputError(f"is no table: {error}", f"{file}: line {rows.line_num or 1}", REMEDY) from None


def _name_columns(rows: csv.DictReader, file: str) -> None:
    """Take the names of the first row in small letters; InputError where one of ours stands twice."""
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    if twice := [name for name in dict.fromkeys(names) if name in COLUMNS and names.count(name) > 1]:
        raise InputError(f"has two columns {twice[0]!r}", f"{file}: line 1", "take one away")
    rows.fieldnames = names


def _moments(rows: csv.DictReader, file: str) -> list[Moment]:
    found = []
    for row in rows:
        if any((value or "").strip() for value in row.values() if isinstance(value, str)):
            try:
                cells = {key: value or "" for key, value in row.items() if isinstance(key, str)}
                found.append(_moment(cells))
            except ValueError as error:
                raise InputError(str(error), f"{file}: line {rows.line_num}", REMEDY) from None
    _check_starts(found, file)
    return found


def _check_starts(found: list[Moment], file: str) -> None:
    """Raise InputError where a half begins at two places in its file: one of two times was edited."""
    starts: dict[tuple[str, int], float] = {}
    for moment in found:
        if "video_ms" in moment:
            start = moment["video_ms"] - moment["position_ms"]
            if abs(starts.setdefault((moment["video"], moment["half"]), start) - start) > APART_MS:
                what = f"{moment['label']!r}: seconds and video_seconds do not go together with those above"
                raise InputError(what, file, "empty the column video_seconds, or mend both")


def write(moments: Iterable[Moment]) -> str:
    """The table of some moments."""
    stream = StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    for moment in moments:
        half = "" if moment["half"] == IN_FILE else moment["half"]
        milliseconds = round(moment["position_ms"])
        in_file = moment.get("video_ms")
        table.writerow(
            [
                moment["video"],
                half,
                f"{milliseconds // 60_000:02d}:{milliseconds % 60_000 / 1000:06.3f}",
                f"{milliseconds / 1000:.3f}",
                moment["label"],
                moment.get("confidence", ""),
                moment.get("visibility", ""),
                moment.get("team", ""),
                "" if in_file is None else f"{in_file / 1000:.3f}",
            ]
        )
    return stream.getvalue()


def _moment(row: dict[str, str]) -> Moment:
    cells = {key: value.strip() for key, value in row.items()}
    in_file = _milliseconds(cells.get("video_seconds", ""))
    position_ms = _milliseconds(cells.get("seconds", ""))
    by_clock = _milliseconds(cells.get("clock", ""))
    if position_ms is None:
        position_ms = by_clock
    elif by_clock is not None and abs(by_clock - position_ms) > APART_MS:
        raise ValueError(
            f"says {cells['clock']} and {cells['seconds']} seconds; empty the one that is wrong"
        )
    half = _whole(cells["half"]) if cells.get("half") else IN_FILE
    if position_ms is None:
        position_ms, half = in_file, IN_FILE
    if position_ms is None:
        raise ValueError("has no time")
    if not cells.get("label"):
        raise ValueError("has no label")
    found: Moment = {"video": cells.get("video", ""), "half": half, "position_ms": position_ms}
    found["label"] = cells["label"]
    if cells.get("confidence"):
        found["confidence"] = _number(cells["confidence"])
    found |= {key: cells[key] for key in ("visibility", "team") if cells.get(key)}
    return found if in_file is None or half == IN_FILE else found | {"video_ms": in_file}


def _milliseconds(text: str) -> int | None:
    return round(1000 * parse_clock(text)) if text else None


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise ValueError(f"'half' is {shown(text)}, no whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"'confidence' is {shown(text)}, no number") from None


def _delimiter(text: str) -> str:
    first = text.removeprefix("\ufeff").partition("\n")[0]
    return max(",;\t", key=first.count)


def _names(text: str) -> set[Any]:
    first = text.removeprefix("\ufeff").partition("\n")[0][:LONGEST_HEAD]
    cells = next(csv.reader([first], delimiter=_delimiter(text)), [])
    return {name.strip().lower() for name in cells}
