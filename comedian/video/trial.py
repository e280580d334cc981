"""What an extraction would take, by a trial of some seconds, in as many processes as it would have."""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from comedian.errors import InputError, some_of
from comedian.formats.frames import encoded
from comedian.plans import Plan, Timed, Written, counted, duration, peak_bytes, size
from comedian.recipes.frames import FramesRecipe
from comedian.video.extract import Job, done_already, duration_of
from comedian.video.parallel import HELPER_SECONDS, own_cores
from comedian.video.period import slots_of
from comedian.video.sample import ALL_SLOTS, can_enter, sample_frames
from comedian.video.workers import results_of

TRIAL_SECONDS = 3.0  # of each worker
BESIDE_A_FRAME = 16  # bytes of its time and its place in the file


@dataclass(frozen=True)
class _Todo:
    """A half to extract and its seconds, None where no header tells them."""

    job: Job
    seconds: float | None


class _Tried(NamedTuple):
    """What one worker found: seconds until the first frame and after it, of what follows that."""

    opening: float
    spent: float
    frames: int
    num_bytes: int
    memory_bytes: int


def extraction_plan(
    jobs: Sequence[Job],
    recipe: FramesRecipe,
    folder: Path,
    workers: int | None = None,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> Plan:
    """What `extract_all` would take of these jobs, from a trial of some seconds; nothing is written.

    Args:
        folder: where the frames files go.
        say: takes a line on each video that cannot be read.

    Raises:
        InputError: none of the videos can be read.
    """
    kept = [] if force else [job for job in jobs if done_already(job, recipe)]
    todo = list(_readable([job for job in jobs if job not in kept], say))
    if not todo and not kept:
        raise InputError("no video can be read", jobs[0].video, "get it again")
    began, workers = perf_counter(), workers or own_cores()
    each = max(1, workers // len(jobs))
    halves = min(workers, len(todo))
    tried = _try(todo, recipe, halves, each)
    spent = perf_counter() - began
    known = [one for one in todo if one.seconds is not None]
    frames = sum(math.ceil((one.seconds or 0) * recipe.fps) for one in known)
    of_a_frame = sum(one.num_bytes for one in tried) / max(sum(one.frames for one in tried), 1)
    needed = round(frames * (of_a_frame + BESIDE_A_FRAME))
    of_files = needed if len(known) == len(todo) else None
    bytes_read = sum(one.job.video.stat().st_size for one in todo)
    media = duration(sum(one.seconds or 0.0 for one in known))
    steps = [f"{counted(len(todo), 'half')} to extract, {media} of video"]
    return Plan(
        steps=[*steps, *([f"{counted(len(kept), 'half')} done already"] if kept else [])],
        times=[Timed("extraction", _seconds(todo, tried, recipe, halves, each))],
        memory=_memory(tried),
        folder=folder,
        written=[Written(counted(len(todo), "frames file"), of_files)],
        meanwhile=_twice(needed, len(todo), workers),
        reads=f"{counted(len(todo), 'video')} ({size(bytes_read)})",
        trial=_trial(tried, spent),
        remarks=_remarks(todo),
    )


def _twice(num_bytes: int, halves: int, workers: int) -> list[Written]:
    """What is being written lies in a temporary file, too."""
    together = min(halves, workers)
    name = f"the latest {counted(together, 'half')} once more"
    return [Written(name, round(num_bytes / halves * together))] if together else []


def _readable(jobs: Sequence[Job], say: Callable[[str], None]) -> Iterator[_Todo]:
    """Those that can be read, with their seconds."""
    for job in jobs:
        try:
            yield _Todo(job, duration_of(job))
        except InputError as error:
            say(f"{error} (left out)")


def _try(todo: Sequence[_Todo], recipe: FramesRecipe, halves: int, each: int) -> list[_Tried]:
    """What as many workers find as there would be, each at a place of its own."""
    places = [
        (todo[number * len(todo) // halves], (part + 0.5) / each)
        for number in range(halves)
        for part in range(_processes(todo[number * len(todo) // halves], each))
    ]
    if not places:
        return []
    items = [(one.job, one.seconds, place, recipe) for one, place in places]
    return [found for found in results_of(_decode, items, len(items)) if found.frames]


def _processes(one: _Todo, each: int) -> int:
    """How many of `each` would share a half, at most, as `sample_apart` has it."""
    return max(min(each, int((one.seconds or 0.0) / HELPER_SECONDS)), 1)


def _decode(job: Job, seconds: float | None, place: float, recipe: FramesRecipe) -> _Tried:
    """In a worker: some seconds of one half, from a fraction of it on, as it would be extracted."""
    began = perf_counter()
    grid = (recipe.fps, recipe.sampling)
    first, end = slots_of(job.period, recipe.fps) if job.period else ALL_SLOTS
    middle = first + int((seconds or 0.0) * recipe.fps * place)
    if middle and can_enter(job.video, grid, middle):
        first = middle
    num_bytes, frames, opened = 0, 0, began
    how = (job.video, recipe.fps, recipe.size, recipe.sampling)
    taken = sample_frames(*how, on_damage=lambda message: None, slots=(first, end))  # the run tells damage
    with suppress(InputError), closing(taken):
        for frames, (_, rgb) in enumerate(taken, 1):
            num_bytes += len(encoded(rgb, recipe.encoding, recipe.quality))
            opened = perf_counter() if frames == 1 else opened
            if perf_counter() - began > TRIAL_SECONDS:
                break
    return _Tried(opened - began, perf_counter() - opened, frames, num_bytes, peak_bytes())


def _seconds(
    todo: Sequence[_Todo], tried: Sequence[_Tried], recipe: FramesRecipe, halves: int, each: int
) -> float | None:
    """How long it takes, so many halves at a time; None where a half's length is not known."""
    if not todo:
        return 0.0
    if not tried or any(one.seconds is None for one in todo):
        return None
    pace = sum(max(one.spent, 1e-6) for one in tried) / max(sum(one.frames - 1 for one in tried), 1)
    opening = sum(one.opening for one in tried) / len(tried)
    ends = [0.0] * halves
    for one in todo:
        took = (one.seconds or 0.0) * recipe.fps * pace / _processes(one, each) + opening
        heapq.heapreplace(ends, ends[0] + took)
    return max(ends)


def _memory(tried: Sequence[_Tried]) -> str:
    if not tried:
        return "next to none"
    most = max(one.memory_bytes for one in tried)
    each = f"{size(most)} for each of {counted(len(tried), 'worker')}"
    return f"{size(most * len(tried))} at most, {each}, seen in the trial"


def _trial(tried: Sequence[_Tried], spent: float) -> str:
    if not tried:
        return "none: there is nothing to decode"
    frames = sum(one.frames for one in tried)
    return f"{duration(spent)}: {counted(frames, 'frame')} by {counted(len(tried), 'worker')} at once"


def _remarks(todo: Sequence[_Todo]) -> list[str]:
    unknown = [str(one.job.video) for one in todo if one.seconds is None]
    return [f"no header tells how long {some_of(unknown)} last, left out of the sums"] if unknown else []
