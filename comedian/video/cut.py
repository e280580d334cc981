"""Whether a video file was cut short, as its structure tells: its last part is longer than what is left.

What headers say of a video's length is no sign of that: a recorder guesses it, sound may be longer.
"""

import struct
from pathlib import Path
from typing import BinaryIO

EBML, SEGMENT = 0x1A45DFA3, 0x18538067  # IDs of RFC 8794 and RFC 9559
TAG_BYTES = 11  # of an FLV tag's header; its length is counted without them


def is_cut_short(path: str | Path, format_name: str) -> bool | None:
    """Whether a file ends before its structure says; None where a format's structure does not tell.

    Args:
        format_name: FFmpeg's name of the container.
    """
    known = {"matroska,webm": _matroska, "mov,mp4,m4a,3gp,3g2,mj2": _mp4, "avi": _riff, "flv": _flv}
    if format_name not in known:
        return None
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        return known[format_name](file, size)


def has_fragments(path: str | Path) -> bool:
    """Whether a file is an MP4 in fragments, whose index tells of those that are there only."""
    with open(path, "rb") as file:
        return b"moof" in whole_boxes(file, Path(path).stat().st_size)[1]


def whole_boxes(file: BinaryIO, size: int) -> tuple[int, set[bytes]]:
    """Where the whole boxes of an MP4 end, in bytes, and their types (ISO/IEC 14496-12, 4.2)."""
    place, found = 0, set()
    while place + 8 <= size:
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))
        length = size - place if length == 0 else length
        if length < 8 or place + length > size:
            break
        place += length
        found.add(kind)
    return place, found


def _mp4(file: BinaryIO, size: int) -> bool:
    return whole_boxes(file, size)[0] < size


def _riff(file: BinaryIO, size: int) -> bool | None:
    """An AVI is one or several RIFF chunks (OpenDML); a recorder that was stopped leaves a length of 0."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        if name != b"RIFF" or not length:
            return None if place == 0 else False
        place += 8 + length + length % 2
    return place > size + 1


def _matroska(file: BinaryIO, size: int) -> bool | None:
    """The Segment's end; a live recording's is not known, and whatever its length was is not either."""
    place = 0
    while place < size:
        file.seek(place)
        name, length, start = _element(file.read(12))
        if name not in (EBML, SEGMENT):
            return False
        if length is None:
            return None
        if name == SEGMENT:
            return place + start + length > size
        place += start + length
    return None


def _element(data: bytes) -> tuple[int, int | None, int]:
    """ID, length (None: unknown) and bytes of both, of an EBML element."""
    first = 8 - data[0].bit_length() + 1 if data and data[0] else 1
    second = 8 - data[first].bit_length() + 1 if len(data) > first and data[first] else 1
    length = int.from_bytes(data[first : first + second], "big") & ((1 << 7 * second) - 1)
    unknown = length == (1 << 7 * second) - 1
    return int.from_bytes(data[:first], "big"), None if unknown else length, first + second


def _flv(file: BinaryIO, size: int) -> bool:
    """The last four bytes say how long the tag before them is."""
    if size < 4 + TAG_BYTES:
        return True
    file.seek(size - 4)
    length = int.from_bytes(file.read(4), "big")
    if not TAG_BYTES <= length <= size - 4:
        return True
    file.seek(size - 4 - length)
    header = file.read(TAG_BYTES)
    return int.from_bytes(header[1:4], "big") + TAG_BYTES != length
