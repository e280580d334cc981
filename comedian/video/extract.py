"""Extract the frames of many videos: one frames file each, several at once."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, MutableSequence, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

import numpy as np

from comedian.errors import InputError
from comedian.formats.frames import FramesFile, whole_frames_file, write_frames
from comedian.formats.games import Game
from comedian.formats.naming import below, text_of
from comedian.formats.periods import Period
from comedian.formats.provenance import provenance
from comedian.recipes.frames import FramesRecipe
from comedian.video.parallel import own_cores, sample_apart
from comedian.video.period import length_of
from comedian.video.sample import probe
from comedian.video.workers import results_of

REPORT = "COMEDIAN_TRACEBACK=1 shows where; please report it"
_shares: MutableSequence[float] = []  # in a worker: how far each job is, shared with the parent
_is_working = False  # in a worker: whether there is something to clean up


@dataclass(frozen=True)
class Job:
    """One half to extract: from `video`, or a period of it, to the frames file `target`."""

    video: Path
    half: int
    target: Path
    period: Period | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        kept: the file was there already, whole and made alike.
        damage: what the video lost, or "".
        error: why there is no file, or "".
    """

    job: Job
    kept: bool = False
    damage: str = ""
    error: str = ""


def plan(games: Iterable[Game], folder: str | Path) -> list[Job]:
    """Where each half's frames go: `folder/<game>/<stem>.h5`, or `folder/<stem>.h5` for a single file.

    Those of a file's periods go to `folder/<stem>/1.h5`, `2.h5`, as the halves of a game.

    Raises:
        InputError: two videos would become the same file.
    """
    jobs: dict[Path, Job] = {}
    for game in games:
        for half in game.halves:
            place, stem = Path(folder) / _inside(game), text_of(half.path.stem)
            target = place / stem / f"{half.number}.h5" if half.period else place / f"{stem}.h5"
            job = jobs.setdefault(target, Job(half.path, half.number, target, half.period))
            if job.video != half.path:
                raise InputError(
                    f"would become the same frames file as {job.video}",
                    half.path,
                    "give one folder that holds both games, or extract into two folders",
                )
    return list(jobs.values())


def extract(
    job: Job,
    recipe: FramesRecipe,
    force: bool = False,
    report: Callable[[float], None] = lambda share: None,
    processes: int = 1,
) -> Outcome:
    """Extract one half, unless that is done already (and not `force`), decoding in `processes`.

    `report` gets the share of the video that is done, 0 to 1, at every frame.

    Raises:
        InputError: the video cannot be read.
    """
    if not force and (file := done_already(job, recipe)):
        return Outcome(job, kept=True, damage=file.damage)
    seconds = duration_of(job)
    damage: list[str] = []
    made = (recipe.fps, recipe.size, recipe.sampling)
    frames = sample_apart(job.video, *made, damage.append, processes, period=job.period)
    write_frames(
        job.target,
        _reported(frames, seconds, report),
        **asdict(recipe),
        video=job.video,
        half=job.half,
        period=job.period,
        provenance=provenance(asdict(recipe), [job.video]),
        damage=damage,
    )
    return Outcome(job, damage="; ".join(damage))


def done_already(job: Job, recipe: FramesRecipe) -> FramesFile | None:
    """The frames file of a job, if it is whole and was made alike from this very video."""
    alike = asdict(recipe)
    del alike["quality"]
    return whole_frames_file(job.target, **alike, video=job.video, period=job.period)


def duration_of(job: Job) -> float | None:
    """Seconds of a job's half; None where neither headers nor a period tell an end.

    Raises:
        InputError: the video cannot be read, or ends before the period begins.
    """
    seconds = probe(job.video).duration_seconds
    return length_of(job.period, seconds, job.video) if job.period else seconds


def extract_all(
    jobs: Sequence[Job],
    recipe: FramesRecipe,
    workers: int | None = None,
    force: bool = False,
    report: Callable[[float], None] = lambda share: None,
) -> Generator[Outcome, None, None]:
    """Extract halves in `workers` processes (None: one a core); yield outcomes in the order of `jobs`.

    Where there are fewer halves than workers, several decode one half.

    A video that cannot be read is an outcome with an `error`; the others go on. Closing the generator,
    or Ctrl-C, stops the workers at once, and what they had begun is removed.

    Args:
        report: gets the share of all videos that is done, 0 to 1, several times a second.
    """
    workers = workers or own_cores()
    each = max(1, workers // max(1, len(jobs)))
    if min(workers, len(jobs)) <= 1:  # this process is worker enough, and there already
        for number, job in enumerate(jobs):
            yield _outcome(job, recipe, force, partial(_report_part, report, number, len(jobs)), each)
        return
    shares = RawArray("d", len(jobs))
    yield from results_of(
        _work,
        [(*item, recipe, force, each) for item in enumerate(jobs)],
        workers,
        poll=lambda: report(sum(shares) / len(jobs)),
        setup=partial(_share, shares),
        on_terminate=_stop,
    )


def _report_part(report: Callable[[float], None], done: int, of: int, share: float) -> None:
    report((done + share) / of)


def _work(number: int, job: Job, recipe: FramesRecipe, force: bool, processes: int) -> Outcome:
    """In a worker: extract one half; an interrupt is the end."""
    global _is_working
    _is_working = True

    def report(share: float) -> None:
        _shares[number] = share

    try:
        outcome = _outcome(job, recipe, force, report, processes)
    except SystemExit:
        os._exit(1)  # everything is cleaned up
    _is_working = False
    return outcome


def _outcome(
    job: Job, recipe: FramesRecipe, force: bool, report: Callable[[float], None], processes: int
) -> Outcome:
    """Extract one half; a video that fails becomes an outcome."""
    try:
        outcome = extract(job, recipe, force, report, processes)
    except InputError as error:
        outcome = Outcome(job, error=str(error))
    except OSError as error:
        outcome = Outcome(job, error=f"{error.filename or job.target}: {error.strerror or error}")
    except Exception as error:  # whatever it is, the others go on
        if os.environ.get("COMEDIAN_TRACEBACK"):
            raise
        outcome = Outcome(job, error=str(InputError(f"{type(error).__name__}: {error}", job.video, REPORT)))
    report(1.0)
    return outcome


def _share(shares: MutableSequence[float]) -> None:
    """In a worker, at its start: take what it shares with the parent."""
    global _shares
    _shares = shares


def _stop(signum, frame) -> None:
    """Clean up and end; at once where nothing was begun."""
    if not _is_working:
        os._exit(1)
    sys.exit(1)


def _reported(
    frames: Iterator[tuple[float, np.ndarray]], duration: float | None, report: Callable[[float], None]
) -> Iterator[tuple[float, np.ndarray]]:
    for seconds, rgb in frames:
        report(min(seconds / duration, 1.0) if duration else 0.0)
        yield seconds, rgb


def _inside(game: Game) -> Path:
    """A game's place below the output folder, wherever its name points to."""
    parts = below(game.name)
    return Path(*(parts if game.folder else parts[:-1]))
