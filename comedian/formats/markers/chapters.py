"""Chapters and captions: FFmetadata, WebVTT, SRT, and the lines that YouTube makes chapters of.

All are of one file, and written only; a moment lasts until the next one, the last one some seconds.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from comedian.errors import InputError
from comedian.formats.clocks import hours_clock
from comedian.formats.moments import Placed

CAPTION_SECONDS = 5.0  # that a caption stays where nothing follows
YOUTUBE_APART_SECONDS, YOUTUBE_LEAST = 10, 3  # chapters of YouTube are so long, and so many


def ffmetadata(placed: Sequence[Placed]) -> str:
    """Chapters for `ffmpeg -i VIDEO -i FILE -map_metadata 1 -codec copy` (FFmpeg's metadata format 1)."""
    lines = [";FFMETADATA1"]
    for start, end, title in _stretches(placed):
        lines += ["[CHAPTER]", "TIMEBASE=1/1000"]
        lines += [f"START={round(1000 * start)}", f"END={round(1000 * end)}"]
        escaped = re.sub(r"([=;#\\\n])", r"\\\1", title)
        lines.append(
            f"title={escaped}" + " " * title.endswith("\\")
        )  # FFmpeg takes it for an escaped line end
    return "\n".join(lines) + "\n"


def webvtt(placed: Sequence[Placed]) -> str:
    """Cues that follow one another (W3C WebVTT, chapters)."""
    cues = []
    for start, end, title in _stretches(placed):
        text = _one_line(title).replace("&", "&amp;").replace("<", "&lt;")
        cues.append(f"{_clock(start, '.')} --> {_clock(end, '.')}\n{text}")
    return "\n\n".join(["WEBVTT", *cues]) + "\n"


def srt(placed: Sequence[Placed]) -> str:
    """Captions of a few seconds."""
    cues = []
    for number, (start, end, title) in enumerate(_stretches(placed), 1):
        until = min(end, start + CAPTION_SECONDS)
        cues.append(f"{number}\n{_clock(start, ',')} --> {_clock(until, ',')}\n{_one_line(title)}\n")
    return "\n".join(cues)


def youtube(placed: Sequence[Placed]) -> str:
    """Lines for a video's description: from 0:00 on, ascending, ten seconds apart, three at least.

    Raises:
        InputError: there are fewer.
    """
    chapters = [f"{_short(int(seconds))} {_one_line(moment['label'])}" for seconds, moment in apart(placed)]
    lines = ["0:00 Start", *chapters]
    if len(lines) < YOUTUBE_LEAST:
        what = f"YouTube wants {YOUTUBE_LEAST} chapters that are {YOUTUBE_APART_SECONDS} seconds long"
        raise InputError(f"{what}, here are {len(lines)}", remedy="give more moments")
    return "\n".join(lines) + "\n"


def apart(placed: Sequence[Placed]) -> list[Placed]:
    """Those that become chapters of YouTube: so far behind the start and the one before."""
    found, last = [], 0
    for one in placed:
        if int(one.seconds) >= last + YOUTUBE_APART_SECONDS:
            last = int(one.seconds)
            found.append(one)
    return found


def _stretches(placed: Sequence[Placed]) -> list[tuple[float, float, str]]:
    """Start, end and title of each, without overlap; moments at one time share a title."""
    titles: dict[float, list[str]] = {}
    for seconds, moment in placed:
        titles.setdefault(round(seconds, 3), []).append(moment["label"])
    starts = sorted(titles)
    ends = [later for _, later in pairwise(starts)] + [start + CAPTION_SECONDS for start in starts[-1:]]
    return [(start, end, ", ".join(titles[start])) for start, end in zip(starts, ends, strict=True)]


def _clock(seconds: float, point: str) -> str:
    return hours_clock(seconds).zfill(len("00:00:00.000")).replace(".", point)


def _short(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("-->", "→")
