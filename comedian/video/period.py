"""One period of a video that holds several: which frames are its own, and how long it is."""

import math
from fractions import Fraction
from pathlib import Path

from comedian.errors import InputError
from comedian.formats.clocks import clock
from comedian.formats.periods import Period

TOLERATED_MS = 1000  # that a period may end after its video without a word


def slots_of(period: Period, fps: float) -> tuple[int, float]:
    """The slots (first, end) whose times k / fps lie in a period."""
    rate = Fraction(fps).limit_denominator(100_000) / 1000
    first, end = math.ceil(period.start_ms * rate), period.end_ms
    return first, math.inf if end is None else max(math.ceil(end * rate), first)


def length_of(period: Period, duration_seconds: float | None, video: str | Path) -> float | None:
    """Seconds of a period; None where neither it nor the video's headers tell an end.

    Raises:
        InputError: the video ends before it begins.
    """
    begin, end = period.start_ms / 1000, period.end_ms
    ends = [seconds for seconds in (duration_seconds, end and end / 1000) if seconds]
    if duration_seconds is not None and duration_seconds <= begin:
        what = f"ends at {clock(duration_seconds)}, before period {period.number} begins at {clock(begin)}"
        raise InputError(what, video, "check the periods")
    return min(ends) - begin if ends else None


def too_late(period: Period, duration_seconds: float) -> str:
    """What to say of a period that goes on after the end of its video; else ""."""
    end = period.end_ms
    if end is None or end <= 1000 * duration_seconds + TOLERATED_MS:
        return ""
    return f"ends at {clock(duration_seconds)}, before period {period.number} does, at {clock(end / 1000)}"
