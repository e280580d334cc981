"""Sample one video with several processes: each decodes stretches of it, from a keyframe on."""

import math
import os
import signal
import warnings
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import numpy as np

from comedian.errors import InputError
from comedian.formats.periods import Period
from comedian.recipes.frames import FramesRecipe
from comedian.video.decode import clock_of, open_video, seek_before
from comedian.video.period import slots_of, too_late
from comedian.video.sample import ALL_SLOTS, sample_frames, sample_stretch
from comedian.video.workers import CONTEXT, begin, obey_parent

# A stretch costs a seek, which short ones would feel, and is kept until its turn comes.
SHORTEST_SECONDS = 10.0
# Of video for each process, which takes as long to begin as 50 seconds of 224p on a core.
HELPER_SECONDS = 30.0
LARGEST_BYTES = 1 << 25  # a minute of 398x224 at 2 frames a second
Video = tuple[str | Path, float, tuple[int, int], str]  # path, fps, size, sampling
DESK_FRAMES = 8  # that a helper hands over at once, in memory it shares with its parent


def sample_apart(
    path: str | Path,
    fps: float = FramesRecipe.fps,
    size: tuple[int, int] = FramesRecipe.size,
    sampling: str = FramesRecipe.sampling,
    on_damage: Callable[[str], None] = warnings.warn,
    processes: int = 1,
    period: Period | None = None,
) -> Generator[tuple[float, np.ndarray], None, None]:
    """Yield what `sample_frames` yields, decoded by several processes; of a period, from its start.

    One process decodes it all from the first stretch on that is damaged, and where the container cannot be
    entered at keyframes (MPEG-TS, AVI and the like), or ten seconds of frames are many. Memory is flat.

    Raises:
        InputError: as `sample_frames`, or a process was killed.
    """
    video = (path, fps, size, sampling)
    if period is None:
        yield from _sampled(video, ALL_SLOTS, on_damage, processes)
        return
    slots, begin, number = slots_of(period, fps), period.start_ms / 1000, 0
    with closing(_sampled(video, slots, on_damage, processes)) as frames:
        for seconds, rgb in frames:
            yield max(seconds - begin, 0.0), rgb
            number += 1
    if message := too_late(period, (slots[0] + number) / fps):
        on_damage(message)


def _sampled(
    video: Video, slots: tuple[int, float], on_damage: Callable[[str], None], processes: int
) -> Generator[tuple[float, np.ndarray], None, None]:
    """The frames of some slots, with their times in the file."""
    stretches = _stretches(*video, processes, slots) if processes > 1 and video[1] > 0 else []
    done = 0
    with closing(_decoded(video, stretches, processes)) as frames:
        for frame in frames:
            if frame is None:
                break
            yield frame
            done += 1
        else:
            if stretches:
                return
    with closing(sample_frames(*video, on_damage=on_damage, slots=slots)) as frames:
        yield from islice(frames, done, None)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def own_cores() -> int:
    """Cores for this process, one of those that torchrun started on this machine."""
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _stretches(
    path: str | Path,
    fps: float,
    size: tuple[int, int],
    sampling: str,
    processes: int,
    wanted: tuple[int, float] = ALL_SLOTS,
) -> list[tuple[int, float]]:
    """Slots (first, end) of each stretch of those wanted; none where there would be only one.

    Each begins with a keyframe, so that nothing is decoded twice.
    """
    shortest, longest = math.ceil(fps * SHORTEST_SECONDS), LARGEST_BYTES // (3 * math.prod(size))
    if longest < shortest:
        return []
    with open_video(path) as (container, stream):
        clock = clock_of(path, container, stream, fps, sampling)
        last = seek_before(container, stream, clock, int((clock.promised_end or 0.0) * fps))
        end = 0 if last is None else clock.slot(last) + 1  # what headers promise may be years
        begin, end = wanted[0], int(min(end, wanted[1]))
        processes = min(processes, int((end - begin) / fps / HELPER_SECONDS))
        if processes < 2:
            return []
        length = min(max(round((end - begin) / processes), shortest), longest)
        places = range(begin + length, end, length)
        keyframes = (seek_before(container, stream, clock, slot) for slot in places)
        later = {clock.slot(ticks) for ticks in keyframes if ticks is not None}
        firsts = [begin, *sorted(slot for slot in later if slot > begin)]
    return list(zip(firsts, [*firsts[1:], wanted[1]], strict=True)) if len(firsts) > 1 else []


def _decoded(
    video: tuple, stretches: list[tuple[int, float]], processes: int
) -> Generator[tuple | None, None, None]:
    """The frames of each stretch in turn, None where one process must decode all from there on."""
    width, height = video[2]
    helpers, links, desks = [], [], []
    try:
        for number in range(min(processes, len(stretches))):
            link, other_end = CONTEXT.Pipe()
            desk = RawArray("B", 3 * DESK_FRAMES * width * height)
            helpers.append(begin(_help, other_end, desk, video, stretches[number::processes], daemon=True))
            other_end.close()
            links.append(link)
            desks.append(_pictures(desk, width, height))
        for number in range(len(stretches)):
            yield from _received(links[number % processes], desks[number % processes], video[0])
    finally:
        for helper in helpers:
            helper.kill()  # it has nothing to clean up
            helper.join()
        for link in links:
            link.close()


def _received(link, desk: np.ndarray, path: str | Path) -> Generator[tuple | None, None, None]:
    """The frames of one stretch, or None, off the desk that a helper lays them on."""
    try:
        while seconds := link.recv():
            yield from zip(seconds, map(np.copy, desk[: len(seconds)]), strict=True)
            link.send("taken")
    except (EOFError, OSError):
        raise InputError("a process that decoded it was killed, perhaps for want of memory", path) from None
    if seconds is None:
        yield None


def _pictures(desk: Any, width: int, height: int) -> np.ndarray:
    """The frames on a desk, uint8 (DESK_FRAMES, H, W, 3)."""
    return np.frombuffer(desk, np.uint8).reshape(DESK_FRAMES, height, width, 3)


def _help(own_end: Connection, memory: Any, video: tuple, stretches: list[tuple[int, float]]) -> None:
    """In a process of its own: decode stretches, and lay each on the desk when its turn comes.

    For each go the seconds of what lies there; then nothing at its end, or None where it cannot be told.
    When nobody listens any more, because the parent was killed, the link fails; that is the end.
    """
    obey_parent(signal.SIG_DFL)
    path, fps, size, sampling = video
    desk = _pictures(memory, *size)
    with suppress(BrokenPipeError, EOFError):
        for slots in stretches:
            try:
                part = sample_stretch(path, slots, fps, size, sampling)
            except InputError:  # the parent will meet it, too
                part = None
            placed = part or []
            for start in range(0, len(placed), DESK_FRAMES):
                seconds, frames = zip(*placed[start : start + DESK_FRAMES], strict=True)
                np.stack(frames, out=desk[: len(frames)])
                own_end.send(seconds)
                own_end.recv()
            own_end.send(None if part is None else ())
