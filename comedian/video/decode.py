"""Decode the frames of a video that somebody needs, with their times, and count what is damaged.

A tick is the unit of a stream's times; a slot is the number k of a sampled frame. A frame with slot s
is on screen at s, s + 1, ... up to, not including, the slot of the frame that follows it.
"""

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import dropwhile
from pathlib import Path

import av
from av.stream import Disposition

from comedian.errors import InputError
from comedian.video import skip

MICROSECONDS = 1_000_000  # of a container's start and duration, per second

# Formats that store no presentation times, only the order of frames (FFmpeg's guesses are wrong there).
UNTIMED_FORMATS = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
NO_VIDEO_FORMATS = re.compile(r"image2|tty|.*_pipe")  # single pictures; "tty" draws text files

# Containers that can be entered at any keyframe.
SEEKABLE_FORMATS = frozenset({"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"})
STEP_BACK_SECONDS = (0, 1, 10, 60)  # before the time sought: an index by decoding times lands too late

GAP_SECONDS = 10.0  # a picture that stays for longer is taken for a hole
STRAY_SECONDS = 60.0  # times this far past the promised end are damage,
LONGEST_SECONDS = 3600.0  # and so are pictures that stay for longer than this


@dataclass
class Damage:
    """What a video lost, counted while it is decoded; as text, one line, empty when it is sound."""

    undecodable: int = 0  # packets
    corrupt: int = 0  # frames
    misplaced: int = 0  # frames left out, their times run backwards or far past the end
    broken: bool = False  # the container could not be read to its end
    holes: list[str] = field(default_factory=list)
    early_end: str = ""

    def __str__(self) -> str:
        counts = (
            (self.undecodable, "could not be decoded"),
            (self.corrupt, "decoded with errors"),
            (self.misplaced, "left out, their times are wrong"),
        )
        parts = [f"{count} frame{'s' * (count > 1)} {text}" for count, text in counts if count]
        parts += self.holes[:3] + ["and more such holes"] * (len(self.holes) > 3)
        parts += ["unreadable from some point on"] * self.broken + [self.early_end] * bool(self.early_end)
        return f"damaged: {', '.join(parts)}" if parts else ""


class Clock:
    """One stream's times: from ticks to seconds since the origin, and to slots.

    Attributes:
        tick: seconds.
        start: ticks, the stream's first time.
        origin: ticks, the container's start.
        timed: whether the container stores presentation times.
        longest: ticks; a frame that seems to last longer is damage.
        promised_end: seconds from the origin to where the headers say the video ends, or None.
    """

    def __init__(self, container, stream, fps: float = 1.0, sampling: str = "screen"):
        self.tick = stream.time_base
        self.start = stream.start_time or 0
        self.origin = _origin(container, stream)
        self.timed = container.format.name not in UNTIMED_FORMATS
        self.promised_end = _promised_end(container, stream, self.seconds(0))
        rate = stream.average_rate or stream.guessed_rate
        self._period = max(1, round(1 / (rate * self.tick))) if rate else 1
        self.longest = self.whole_ticks(LONGEST_SECONDS)
        self._slots, self._ticks = (self.tick * Fraction(fps).limit_denominator(100_000)).as_integer_ratio()
        self._half_early = sampling == "ffmpeg"

    def seconds(self, ticks: int) -> float:
        """Seconds from the origin."""
        return float((ticks - self.origin) * self.tick)

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

    def duration(self, frame: av.VideoFrame) -> int:
        """Ticks a frame lasts if none follows."""
        return next((ticks for ticks in (frame.duration, self._period) if 0 < ticks <= self.longest), 1)


@contextmanager
def open_video(path: str | Path, threads: int = 1):
    """Open a file and its video stream, as (container, stream); `threads` of the codec, 0 for automatic.

    Raises:
        InputError: missing, empty, not a video, or without pictures.
    """
    _check_file(Path(path))
    try:
        container = av.open(str(Path(path).absolute()), metadata_errors="replace")
    except av.error.FFmpegError:
        raise InputError("is not a video, or its beginning is lost", path, "check the file") from None
    with container:
        if NO_VIDEO_FORMATS.fullmatch(container.format.name):
            raise InputError("is not a video", path, "name a video file")
        stream = container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise InputError("has no video in it", path, "name a file with pictures, not only sound")
        if stream.codec_context is None:
            raise InputError("its video codec is unknown", path, "convert it with ffmpeg")
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "SLICE" if threads == 1 else "AUTO"
        yield container, stream


def seek_before(container, stream, clock: Clock, slot: int) -> int | None:
    """Go to a keyframe that comes no later than `slot`; return its ticks, or None where there is no way."""
    if not clock.timed or container.format.name not in SEEKABLE_FORMATS:
        return None
    for seconds in STEP_BACK_SECONDS:
        sought = max(clock.ticks(slot) - round(seconds / clock.tick), clock.start)
        container.seek(sought, stream=stream)
        packet = next(_packets(container, stream, Damage()), None)
        if packet and packet.is_keyframe and packet.pts is not None and clock.slot(packet.pts) <= slot:
            container.seek(sought, stream=stream)  # that packet again
            return packet.pts
    return None


def decode_needed(
    container, stream, clock: Clock, damage: Damage, every_frame: bool = False, begin: int | None = None
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield (ticks, frame) in display order: at least every frame that is on screen in some slot.

    `begin` is what `seek_before` gave. Pictures that precede that keyframe are left out: they may refer
    to others that were not decoded.
    """
    packets = _packets(container, stream, damage)
    planned: skip.Plan
    if every_frame or not clock.timed:
        planned = ((packet, skip.WHOLE) for packet in packets)
    else:
        planned = skip.plan(packets, clock.slot, stream.codec_context)
    frames = _timed(_decoded(planned, stream, damage), clock)
    if begin is not None:
        frames = dropwhile(lambda placed: placed[0] < begin, frames)
    return _placed(frames, clock, damage, clock.origin if begin is None else begin)


def clock_face(seconds: float) -> str:
    """Minutes and seconds, such as 44:59."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _packets(container, stream, damage: Damage) -> Iterator[av.Packet]:
    try:
        for packet in container.demux(stream):
            if packet.size:  # the last one is empty
                yield packet
    except av.error.FFmpegError:
        damage.broken = True
    except IndexError:
        pass  # past the last packet PyAV trips over streams that appeared on the way


def _decoded(planned: skip.Plan, stream, damage: Damage) -> Iterator[av.VideoFrame]:
    """Decode packets as planned.

    Nothing is skipped before the first frame has come out, nor once one was interlaced: the two
    fields of a picture may lie in two packets, of which the plan would take only one.
    """
    context, progressive = stream.codec_context, None
    for packet, how in planned:
        if progressive and how == skip.NOT:
            continue
        context.skip_frame = how if progressive else skip.WHOLE
        for frame in _decode(context, packet, damage):
            progressive = progressive is not False and not frame.interlaced_frame
            yield frame
    yield from _decode(context, None, damage)


def _decode(context, packet: av.Packet | None, damage: Damage) -> list[av.VideoFrame]:
    try:
        frames = context.decode(packet)
    except av.error.FFmpegError:
        damage.undecodable += 1
        return []
    damage.corrupt += sum(frame.is_corrupt for frame in frames)
    return frames


def _timed(frames: Iterable[av.VideoFrame], clock: Clock) -> Iterator[tuple[int, av.VideoFrame]]:
    """Presentation times; where none are stored, frames follow each other from the stream's start.

    The decoding times of an AVI grow by one a frame, more where frames were dropped, so their
    differences tell the time on screen.
    """
    expected, shift = clock.start, 0 if clock.timed else None
    for frame in frames:
        ticks = frame.pts if clock.timed else frame.dts
        if ticks is None:
            ticks = expected
        else:
            shift = clock.start - ticks if shift is None else shift
            ticks += shift
        yield ticks, frame
        expected = ticks + clock.duration(frame)


def _placed(
    frames: Iterable[tuple[int, av.VideoFrame]], clock: Clock, damage: Damage, expected: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Leave out frames with impossible times, and note where pictures are missing, from `expected` on."""
    gap, latest, previous = clock.whole_ticks(GAP_SECONDS), math.inf, -math.inf
    if clock.promised_end:
        latest = clock.origin + clock.whole_ticks(clock.promised_end + STRAY_SECONDS)
    for ticks, frame in frames:
        hole = ticks - expected
        if ticks < previous or hole > clock.longest or ticks > latest:
            damage.misplaced += 1
            continue
        if hole > gap:
            lasts, since = float(hole * clock.tick), clock_face(clock.seconds(expected))
            damage.holes.append(f"no picture for {lasts:.0f} s from {since}")
        previous, expected = ticks, ticks + clock.duration(frame)
        yield ticks, frame


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError("no such file", path, "check the path")
    if path.is_dir():
        raise InputError("is a folder", path, "name a video file")
    if path.stat().st_size == 0:
        raise InputError("is empty", path, "get it again")
    path.open("rb").close()  # permissions


def _origin(container, stream) -> int:
    """The container's start in ticks; the stream's own when they differ by rounding only."""
    if container.start_time is None:
        return stream.start_time or 0
    origin = round(Fraction(container.start_time, MICROSECONDS) / stream.time_base)
    own = stream.start_time
    return own if own is not None and abs(own - origin) <= 1 else origin


def _promised_end(container, stream, zero_seconds: float) -> float | None:
    """Seconds from the origin to the end in the headers; `zero_seconds`: where a stored 0 is."""
    if stream.duration:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) + zero_seconds
    stored = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if stored:  # Matroska's tag is the time of the end
        hours, minutes, seconds = map(float, stored.groups())
        return 3600 * hours + 60 * minutes + seconds + zero_seconds
    return container.duration / MICROSECONDS if container.duration else None
