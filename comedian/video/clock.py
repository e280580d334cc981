"""A video's times: which it stores, from where they count, and which of them its headers promise.

A tick is the unit of a stream's times; a slot is the number k of a sampled frame. A frame with slot s
is on screen at s, s + 1, ... up to, not including, the slot of the frame that follows it.
"""

import re
from fractions import Fraction
from typing import Protocol

from av.format import Flags

MICROSECONDS = 1_000_000  # of a container's start and duration, per second
LONGEST_SECONDS = 86_400.0  # a picture that stays for a day is damage

# Formats that store no presentation times, only the order of frames (FFmpeg's guesses are wrong there).
UNTIMED_FORMATS = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
MATROSKA = "matroska,webm"


class Lasting(Protocol):
    """A frame or packet, as far as its time on screen goes."""

    @property
    def duration(self) -> int | None:
        """Ticks, None or 0 where that is not known."""


class Clock:
    """One stream's times: from ticks to seconds since the origin, and to slots.

    Attributes:
        tick: seconds.
        start: ticks, the stream's first time.
        origin: ticks, the container's start.
        timed: whether the container stores presentation times, as far as its format tells.
        may_jump: whether it is a format of broadcasts, whose clock may be set anew (MPEG-TS and its like).
        period: ticks of a frame at the average rate.
        longest: ticks; a frame that seems to last longer is damage.
        promised_end: seconds from the origin to where the headers say the video ends, or None.
        cut_short: whether the file ends before its structure says, None where that is not told.
    """

    def __init__(
        self,
        container,
        stream,
        fps: float = 1.0,
        sampling: str = "screen",
        cut_short: bool | None = None,
    ):
        self.cut_short = cut_short
        self.tick = stream.time_base
        self.start = stream.start_time or 0
        self.origin = _origin(container, stream)
        self.timed = _stores_times(container, stream)
        self.promised_end = _promised_end(container, stream, self.seconds(0))
        self.may_jump = bool(container.format.flags & Flags.ts_discont.value)
        rate = stream.average_rate or stream.guessed_rate
        self.period = max(1, round(1 / (rate * self.tick))) if rate else 1
        self.longest = self.whole_ticks(LONGEST_SECONDS)
        self._slots, self._ticks = (self.tick * Fraction(fps).limit_denominator(100_000)).as_integer_ratio()
        self._half_early = sampling == "ffmpeg"

    def seconds(self, ticks: int) -> float:
        """Seconds from the origin."""
        return float((ticks - self.origin) * self.tick)

    def ticks_at(self, seconds: float) -> int:
        """When so many seconds have gone by since the origin."""
        return self.origin + round(Fraction(seconds) / self.tick)

    def whole_ticks(self, seconds: float) -> int:
        """Ticks in so many seconds, rounded down."""
        return int(Fraction(seconds) / self.tick)

    def slot(self, ticks: int) -> int:
        """The first k at which a frame of this time is shown, in exact arithmetic; at least 0."""
        slots = (ticks - self.origin) * self._slots
        if self._half_early:  # to nearest, halves up
            return max(0, (2 * slots + self._ticks) // (2 * self._ticks))
        return max(0, -(-slots // self._ticks))

    def ticks(self, slot: int) -> int:
        """When slot k begins; `slot` of it is at most k."""
        return self.origin + slot * self._ticks // self._slots

    def duration(self, frame: Lasting) -> int:
        """Ticks a frame lasts if none follows."""
        return next(
            (ticks for ticks in (frame.duration, self.period) if ticks and 0 < ticks <= self.longest), 1
        )


def _stores_times(container, stream) -> bool:
    """Whether presentation times are stored; Matroska keeps decoding times of Video for Windows' codecs."""
    video_for_windows = container.format.name == MATROSKA and stream.start_time is None
    return container.format.name not in UNTIMED_FORMATS and not video_for_windows


def _origin(container, stream) -> int:
    """The container's start in ticks; the stream's own when they differ by rounding only."""
    if container.start_time is None:
        return stream.start_time or 0
    origin = round(Fraction(container.start_time, MICROSECONDS) / stream.time_base)
    own = stream.start_time
    return own if own is not None and abs(own - origin) <= 1 else origin


def _promised_end(container, stream, zero_seconds: float) -> float | None:
    """Seconds from the origin to the end in the headers; `zero_seconds`: where a stored 0 is."""
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)  # FFmpeg's own guess is made of what is there
    if stream.duration:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) + zero_seconds
    stored = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if stored:  # Matroska's tag is the time of the end
        hours, minutes, seconds = map(float, stored.groups())
        return 3600 * hours + 60 * minutes + seconds + zero_seconds
    return container.duration / MICROSECONDS if container.duration else None
