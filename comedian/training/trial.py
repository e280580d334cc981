"""A short trial of a stage: real batches on the run's device, after one that warms up; nothing is kept.

Letters: B clips of a process's share of a batch, b of them that pass in the trial.
"""

import os
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from tempfile import TemporaryFile
from time import perf_counter
from typing import Any

import torch

from comedian import distributed
from comedian.models.recompute import recompute
from comedian.training.accumulate import backward, parts_of
from comedian.training.loop import STATE_ITERATIONS, Stage, autocast, descend
from comedian.training.optim import adamw
from comedian.training.run import Run
from comedian.training.schedule import seed_of
from comedian.training.state import Place, state_of

TIMED_SECONDS = 3.0  # of the iterations that are timed, or so many of them:
FEWEST, MOST = 3, 30
WHOLE_SECONDS = 10.0  # that a larger part of the batch may take, the first iteration included
PATIENCE_SECONDS = 10.0  # a first iteration that took longer is not repeated


_Times = tuple[list[float], list[float]]  # of epochs' first iterations, and of the others


@dataclass(frozen=True)
class Tried:
    """What a trial of a stage has found.

    Attributes:
        clips: b, of a process.
        share: B.
        iterations: that were timed.
        first: seconds of an epoch's first iteration of b clips, which waits for its frames.
        each: seconds of the others.
        fixed: seconds of each that do not grow with the clips.
        state_seconds: to make the state of an interrupted run.
        state_bytes: of it.
        spent: seconds of the whole trial.
    """

    clips: int
    share: int
    iterations: int
    first: float
    each: float
    fixed: float
    state_seconds: float
    state_bytes: int
    spent: float

    def epoch(self, iterations: int) -> float:
        """Seconds of an epoch of so many iterations of the whole batch, its states included."""
        states = 1 + (iterations - 1) // STATE_ITERATIONS
        growing = self.first - self.fixed + (iterations - 1) * (self.each - self.fixed)
        training = growing * self.share / self.clips + iterations * self.fixed
        return training + states * self.state_seconds


def try_out(stage: Stage, run: Run, most: int) -> Tried:
    """Train a stage for some seconds at a rate of 0, and measure.

    As many clips as pass within `WHOLE_SECONDS`, at most B. Of a part of B what grows with the clips counts
    in proportion.

    Args:
        most: clips of a process for which there is memory.
    """
    began = perf_counter()
    share = stage.optim.batch_size // distributed.world_size()
    trial = _Trial(stage, run)
    fewest = clips = min(share, stage.together)
    times = few = trial.times(clips, 0.0)
    while (larger := trial.more(clips, min(share, most), _mean(times))) >= 2 * clips:
        clips = larger  # a clip of many takes less than one of few, so that more are affordable now
        times = trial.times(clips, 0.0)
    if _mean(times) < TIMED_SECONDS / FEWEST:
        times = trial.times(clips, TIMED_SECONDS)
    state_seconds, state_bytes = trial.state()
    first, others = times
    number = len(first) + len(others)
    return Tried(
        clips,
        share,
        number,
        _mean((first, [])),
        _mean((others or first, [])),
        _fixed(fewest, few, clips, times),
        state_seconds,
        state_bytes,
        agreed(perf_counter() - began),
    )


def agreed(seconds: float) -> float:
    """The longest time of all processes, so that all decide alike."""
    return max(distributed.gather_lists([seconds]))


def _fixed(fewest: int, few: _Times, clips: int, many: _Times) -> float:
    """Seconds that few clips and many take alike: the rest grows with them."""
    if clips == fewest:
        return 0.0
    a_clip = max(_mean(many) - _mean(few), 0.0) / (clips - fewest)
    return min(max(_mean(few) - a_clip * fewest, 0.0), *many[0], *many[1])


def _mean(times: _Times) -> float:
    return sum(map(sum, times)) / sum(map(len, times))


class _Trial:
    """A stage that trains as in `fit`, at a rate of 0."""

    def __init__(self, stage: Stage, run: Run):
        step: Any = stage.step
        self.stage, self.run, self.draw = stage, run, step.draw
        self.precision = autocast(run.device, step.recipe.precision)
        step.to(run.device)
        self.optimizer = adamw(step, stage.optim, run.device)
        if run.recompute:
            recompute(step)
        self.model = distributed.together(step)
        step.train()

    def more(self, clips: int, most: int, seconds: float) -> int:
        """Clips that pass within `WHOLE_SECONDS` where so many took so long, not more than the most."""
        affordable = min(int(WHOLE_SECONDS / (1 + FEWEST) / seconds * clips), most)
        if affordable == most:
            return most
        return affordable // self.stage.together * self.stage.together

    def times(self, clips: int, seconds: float) -> _Times:
        """Seconds of epochs' first iterations, and of the others, of about so many seconds in all.

        Of an iteration that is slow it is its own alone.
        """
        with closing(self._epoch(clips, 0)) as timed:
            warming = agreed(next(timed))
        if warming > PATIENCE_SECONDS:
            return [warming], []
        fewest = FEWEST if warming < TIMED_SECONDS else 1
        wanted = min(max(int(seconds / warming), fewest), MOST)
        first: list[float] = []
        others: list[float] = []
        for epoch in count(1):
            with closing(self._epoch(clips, epoch)) as timed:
                for number, took in enumerate(timed):
                    (others if number else first).append(agreed(took))
                    if len(first) + len(others) >= wanted:
                        return first, others
        raise AssertionError("epochs do not end")

    def state(self) -> tuple[float, int]:
        """Seconds and bytes of the state for resuming, written where it would lie, without a name."""
        step, began = self.stage.step, perf_counter()
        state = state_of(Place(self.stage.name), {"recipe": step.recipe}, step, self.optimizer)
        folder = next(parent for parent in self.run.output.absolute().parents if parent.exists())
        with suppress(OSError, RuntimeError), TemporaryFile(dir=folder) as file:  # the disk may be full
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
            return perf_counter() - began, file.tell()
        sink: Any = _Sink()
        torch.save(state, sink)
        return perf_counter() - began, int(sink.num_bytes)

    def _epoch(self, clips: int, epoch: int) -> Generator[float, None, None]:
        """Seconds of each iteration of an epoch, waiting for its frames included."""
        began = perf_counter()
        batches = self.stage.epochs.of(clips * distributed.world_size()).batches(epoch)
        for number, batch in enumerate(batches):
            self._iterate(number, batch)
            yield perf_counter() - began
            began = perf_counter()

    def _iterate(self, number: int, batch: tuple[torch.Tensor, ...]) -> None:
        stage, clips = self.stage, len(batch[0])
        generator = torch.Generator().manual_seed(seed_of(self.run.seed, stage.name, number))
        of_a_part = -(-(stage.optim.batch_size // distributed.world_size()) // stage.optim.accumulate)
        parts = parts_of(clips, -(-clips // max(of_a_part, stage.together)), stage.together)
        backward(self.model, batch, self.draw(clips, generator), parts, self.precision)
        descend(self.optimizer, 0.0, stage.optim.clip_norm)
        stage.after_iteration(number, number + 1)
        if self.run.device.type == "cuda":
            torch.cuda.synchronize(self.run.device)


class _Sink:
    """Takes bytes and counts them."""

    def __init__(self) -> None:
        self.num_bytes = 0

    def write(self, data: bytes) -> int:
        self.num_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""
