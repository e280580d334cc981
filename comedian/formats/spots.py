"""Spots: one JSON object a line.

A spot is a plain dict with at least the keys of `Spot`; others pass through:

    {"video": "…/1_224p.mkv", "half": 1, "position_ms": 1234500, "label": "Goal", "confidence": 0.91}
"""

import json
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BufferedReader
from operator import itemgetter
from pathlib import Path
from typing import TextIO, cast

from comedian.errors import InputError
from comedian.formats.entries import LARGEST, confidence_in, number_in, shown, text_in
from comedian.formats.spot import KEYS, Spot
from comedian.formats.text import check_text, decode, kind_of, parse_json

REMEDY = "give spots as spot and nms write them"

_CHUNK_BYTES = 1 << 18
_OTHER_LENGTH = 1 << 26  # characters of JSON of another form that are looked at to name it
_USUAL_KINDS: tuple[set[type], ...] = ({str}, {int}, {int}, {str}, {int, float})
_values = itemgetter(*KEYS)


def read_spots(stream: TextIO, name: str) -> Iterator[Spot]:
    """Yield the spots of a JSON Lines stream as soon as their lines arrive; blank lines are skipped.

    Args:
        stream: text; where it lies over bytes (a file, a pipe), those are read in chunks, which is fast.
        name: what errors call the stream.

    Raises:
        InputError: a line is no spot (with its place).
    """
    number = 1
    for text in _whole_lines(stream, name):
        try:
            yield from _parse(text, name, number)
        except InputError:
            if number == 1:
                _refuse_other_json(stream, name)
            raise
        number += text.count("\n")


def read_spots_file(path: str | Path) -> Iterator[Spot]:
    """Yield the spots of a file of JSON Lines, as `read_spots`; it is open as long as they come."""
    with Path(path).open(encoding="utf-8") as stream:
        yield from read_spots(stream, str(path))


def spots_files(folder: str | Path) -> list[Path]:
    """The files of spots, `GAME.jsonl`, in a folder and those below; none where it is no folder."""
    return sorted(Path(folder).rglob("*.jsonl")) if Path(folder).is_dir() else []


def write_spot(stream: TextIO, spot: Spot) -> None:
    """Write a spot as one line."""
    if len(spot) == len(KEYS) and math.isfinite(spot["confidence"]):
        video, half, position_ms, label, confidence = _values(spot)
        stream.write(
            f'{{"video": {_quote(video)}, "half": {half}, "position_ms": {position_ms}, '
            f'"label": {_quote(label)}, "confidence": {confidence!r}}}\n'
        )
    else:
        stream.write(json.dumps(spot, ensure_ascii=False) + "\n")


def _whole_lines(stream: TextIO, name: str) -> Iterator[str]:
    """Text in chunks of whole lines, whatever has arrived."""
    if not hasattr(stream, "buffer"):
        yield from stream
        return
    buffer, first = cast(BufferedReader, stream.buffer), True
    waiting: list[bytes] = []  # joined once a line ends: lines may be long
    while chunk := buffer.read1(_CHUNK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield _decode(b"".join([*waiting, chunk[:cut]]), name, first)
            waiting, first = [], False
        waiting.append(chunk[cut:])
    if rest := b"".join(waiting):
        yield _decode(rest, name, first)


def _decode(chunk: bytes, name: str, first: bool) -> str:
    try:
        return decode(chunk, name, REMEDY) if first else chunk.decode()
    except UnicodeDecodeError:
        raise InputError("is not text in UTF-8", name, REMEDY) from None


def _refuse_other_json(stream: TextIO, name: str) -> None:
    """Raise InputError if all of a file is JSON of another form; do nothing if it is none, or gone by."""
    try:
        stream.seek(0)
        content = json.loads(stream.read(_OTHER_LENGTH).removeprefix("\ufeff"))
    except (ValueError, OSError, RecursionError):
        return
    remedy = REMEDY
    if isinstance(content, dict) and "predictions" in content:
        remedy = "call it results_spotting.json, or name its folder"
    if isinstance(content, list):
        remedy = f"write one a line: jq -c '.[]' {name}"
    if not (isinstance(content, dict) and set(KEYS) & set(content)):
        raise InputError(f"holds {kind_of(content)}, not a spot a line", name, remedy)


def _parse(text: str, name: str, number: int) -> Iterable[Spot]:
    """The spots of some lines, at once if all is well, else line by line for the place of the error."""
    try:
        spots = json.loads(f"[{text.strip().replace(chr(10), ',')}]")
        if spots and len(spots) == text.count("\n") and _are_usual(spots):
            check_text(text, spots, name, REMEDY)
            return cast(list[Spot], spots)
    except (ValueError, KeyError, TypeError, RecursionError, InputError):
        pass
    lines = enumerate(text.split("\n"), number)
    return (_parse_line(line, name, number) for number, line in lines if line.strip())


def _parse_line(line: str, name: str, number: int) -> Spot:
    spot, place = parse_json(line, name, REMEDY, number), f"{name}:{number}"
    if not isinstance(spot, dict):
        raise InputError("is not a JSON object", place, REMEDY)
    if missing := [key for key in KEYS if key not in spot]:
        raise InputError(f"has no {' or '.join(map(repr, missing))}", place, REMEDY)
    try:
        return _checked(spot)
    except ValueError as error:
        raise InputError(str(error), place, f"{REMEDY}: texts and numbers") from None


def _checked(spot: dict) -> Spot:
    """The spot, whose confidence may have been written as text; ValueError where a value is of no use."""
    for key in ("video", "label"):
        text_in(spot, key)
    for key, kinds in (("half", (int,)), ("position_ms", (int, float))):
        if type(spot[key]) not in kinds:
            raise ValueError(f"{key!r} is {shown(spot[key])}, no number")
        number_in(spot, key)
    confidence = confidence_in(spot)
    return cast(
        Spot, spot if type(spot["confidence"]) in (int, float) else spot | {"confidence": confidence}
    )


def _are_usual(spots: list[dict]) -> bool:
    """Whether all values are of their kinds and within their bounds, so that none needs a closer look."""
    columns = [list(map(itemgetter(key), spots)) for key in KEYS]
    if not all(
        kinds.issuperset(map(type, column)) for kinds, column in zip(_USUAL_KINDS, columns, strict=True)
    ):
        return False
    positions, confidences = columns[2], columns[4]
    within = min(confidences) >= 0 and max(confidences) <= 1 and not math.isnan(sum(confidences))
    return within and min(positions) > -LARGEST and max(positions) < LARGEST


@lru_cache(maxsize=1024)
def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
