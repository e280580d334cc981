"""Sample the frames of a video in presentation time.

Frame k is the frame on screen at origin + k / fps: the last one whose presentation time is not later,
where the origin is the container's start, as a player counts. "ffmpeg" sampling is what
`ffmpeg -vf fps=2` picks: the last frame that is earlier than origin + (k + 1/2) / fps.
"""

import math
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from comedian.errors import InputError
from comedian.recipes.frames import FramesRecipe
from comedian.video.clock import Clock
from comedian.video.damage import Damage, clock_face
from comedian.video.decode import clock_of, decode_needed, open_video, seek_before
from comedian.video.upright import orientation

SAMPLINGS = ("screen", "ffmpeg")
ALL_SLOTS = (0, math.inf)  # (first, end)
TOLERATED_SECONDS = 1.0  # a video may end this much before its headers say


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, as it is shown.

    Attributes:
        duration_seconds: from the container's start to the video's end; None when not stored.
        width, height: pixels, after rotation.
        rotation: degrees counterclockwise by which stored pictures are turned: 0, 90, 180, 270.
        fps: average frames a second; None when not stored.
        codec: FFmpeg's name, such as "h264".
    """

    path: Path
    duration_seconds: float | None
    width: int
    height: int
    rotation: int
    fps: float | None
    codec: str


def probe(path: str | Path) -> VideoInfo:
    """Describe a video; its first frame is decoded.

    Raises:
        InputError: missing, empty, not a video, or no frame of it can be decoded.
    """
    with open_video(path) as (container, stream):
        clock, damage = clock_of(path, container, stream), Damage()
        _, frame = next(decode_needed(container, stream, clock, damage, every_frame=True), (0, None))
        if frame is None:
            raise _no_frame(path)
        transposed, rate = orientation(frame).transposed, stream.average_rate
        return VideoInfo(
            path=Path(path),
            duration_seconds=clock.promised_end,
            width=frame.height if transposed else frame.width,
            height=frame.width if transposed else frame.height,
            rotation=90 * round(frame.rotation / 90) % 360,
            fps=float(rate) if rate else None,
            codec=stream.codec_context.name,
        )


def sample_frames(
    path: str | Path,
    fps: float = FramesRecipe.fps,
    size: tuple[int, int] = FramesRecipe.size,
    sampling: str = FramesRecipe.sampling,
    threads: int = 1,
    on_damage: Callable[[str], None] = warnings.warn,
    full_decode: bool = False,
    slots: tuple[int, float] = ALL_SLOTS,
) -> Generator[tuple[float, np.ndarray], None, None]:
    """Yield (seconds, rgb) for every k with k / fps before the end of the video.

    `seconds` is the frame's real presentation time from the origin, so it differs from k / fps by up
    to a frame's duration; while a picture stays on screen the same array comes again. Before the
    first picture (a video that starts after its sound) that one stands in. `rgb` is uint8 (H, W, 3):
    the whole picture, upright, stretched into `size` as the paper does; nothing is cropped or padded.

    Memory is flat. Frames that nobody needs are not decoded, and the others come out as if all were.
    Closing the generator closes the file.

    Args:
        size: (width, height) in pixels.
        sampling: "screen", or "ffmpeg" for the timing of the authors' frames (a quarter second late).
        threads: of the codec; 0 lets FFmpeg choose.
        on_damage: called at most once, at the end, with one line on what was lost.
        full_decode: decode every frame: slower, same result.
        slots: only k from the first on, before the end: (first, end).

    Raises:
        InputError: as `probe`, or `fps` is not positive.
    """
    assert sampling in SAMPLINGS, sampling
    if not fps > 0:
        raise InputError(f"cannot sample {fps:g} frames a second", remedy="give a positive rate")
    return _sample(path, (fps, sampling), size, threads, on_damage, full_decode, slots)


def _sample(
    path: str | Path,
    grid: tuple[float, str],
    size: tuple[int, int],
    threads: int,
    on_damage: Callable[[str], None],
    every_frame: bool,
    slots: tuple[int, float],
) -> Generator[tuple[float, np.ndarray], None, None]:
    damage, convert, ticks = Damage(), Converter(path, size), None
    with open_video(path, threads) as (container, stream):
        size_before = os.path.getsize(path)
        clock = clock_of(path, container, stream, *grid)
        enters = slots[0] and can_enter(path, grid, slots[0])
        begin = seek_before(container, stream, clock, slots[0]) if enters else None
        frames = decode_needed(container, stream, clock, damage, every_frame, begin)
        for ticks, frame in _on_screen(frames, clock, damage, slots):
            yield clock.seconds(ticks), convert(frame)
    if ticks is None:
        raise _no_frame(path) if slots == ALL_SLOTS else _no_frame_at(path, slots[0] / grid[0])
    damage.growing = os.path.getsize(path) != size_before
    if str(damage):
        on_damage(str(damage))


def can_enter(path: str | Path, grid: tuple[float, str], slot: int) -> bool:
    """Whether there is a keyframe to begin with; tried apart, since a failure leaves the file anywhere."""
    with open_video(path) as (container, stream):
        return seek_before(container, stream, clock_of(path, container, stream, *grid), slot) is not None


def sample_stretch(
    path: str | Path, slots: tuple[int, float], fps: float, size: tuple[int, int], sampling: str
) -> list[tuple[float, np.ndarray]] | None:
    """What `sample_frames` yields for k in `slots` (first, end), from the keyframe before on.

    None where that cannot be told from a part: it is damaged, or the container cannot be entered there.
    """
    damage, convert, begin = Damage(of_a_part=True), Converter(path, size), None
    with open_video(path) as (container, stream):
        clock = clock_of(path, container, stream, fps, sampling)
        if slots[0]:
            begin = seek_before(container, stream, clock, slots[0])
            if begin is None:
                return None
        frames = decode_needed(container, stream, clock, damage, begin=begin)
        shown = _on_screen(frames, clock, damage, slots)
        found = [(clock.seconds(ticks), convert(frame)) for ticks, frame in shown]
    return None if str(damage) or not (found or slots[0]) else found


def _on_screen(
    frames: Iterable[tuple[int, av.VideoFrame]],
    clock: Clock,
    damage: Damage,
    slots: tuple[int, float] = ALL_SLOTS,
) -> Iterator[tuple[int, av.VideoFrame]]:
    """The (ticks, frame) on screen in each slot; at the end, note whether it came too early."""
    slot, last = slots
    shown, end = None, 0
    for ticks, frame in frames:
        following = min(clock.slot(ticks), last)
        shown = shown or (ticks, frame)
        yield from repeat(shown, int(following) - slot)
        slot, shown, end = max(slot, int(following)), (ticks, frame), ticks + clock.duration(frame)
        if slot == last:
            return
    if shown is None:
        return
    yield from repeat(shown, int(min(clock.slot(end), last)) - slot)
    damage.early_end = early_end(clock, clock.seconds(end), damage)


def early_end(clock: Clock, reached: float, damage: Damage) -> str:
    """Where pictures, and sound, end before it was promised, in a file that was cut short; else ""."""
    if clock.cut_short is False or damage.jumps:
        return ""
    promised, heard = clock.promised_end, max(damage.heard, default=0) + 1.0
    if promised is None:
        return f"cut off at {clock_face(reached)}" if clock.cut_short else ""
    early = promised - max(reached, heard) > TOLERATED_SECONDS
    return f"ends at {clock_face(reached)} of {clock_face(promised)}" if early else ""


class Converter:
    """From decoded frames to upright uint8 (H, W, 3); one that comes again is converted once."""

    def __init__(self, path: str | Path, size: tuple[int, int]):
        self._path, self._size, self._reformatter = path, size, VideoReformatter()
        self._frame: av.VideoFrame | None = None
        self._rgb = np.empty(0, np.uint8)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        if frame is not self._frame:
            self._frame, self._rgb = frame, self._convert(frame)
        return self._rgb

    def _convert(self, frame: av.VideoFrame) -> np.ndarray:
        upright = orientation(frame)
        width, height = reversed(self._size) if upright.transposed else self._size
        try:
            scaled = self._reformatter.reformat(
                frame, width, height, format="rgb24", interpolation="BICUBIC", threads=1
            )
        except av.error.FFmpegError:
            what = f"pictures of kind {frame.format.name} cannot be turned into RGB"
            raise InputError(what, self._path, "convert it with ffmpeg") from None
        return upright(scaled.to_ndarray())


def _no_frame(path: str | Path) -> InputError:
    return InputError("holds no frame that can be decoded", path, "get it again")


def _no_frame_at(path: str | Path, seconds: float) -> InputError:
    return InputError(f"holds no frame at {clock_face(seconds)} or later", path, "check the periods")
