"""What a stage tells while it runs: the bar, the records of its epochs, curves."""

from collections.abc import Sequence
from datetime import timedelta
from time import perf_counter

import torch
from torch import Tensor

from comedian import distributed
from comedian.formats.records import keep_record
from comedian.progress import silent
from comedian.training.pace import Around, Pace
from comedian.training.run import Run

TASK = "training"
LATEST = 20  # iterations whose mean loss is told
LOOK_SECONDS = 0.5  # between two looks at the loss, each of which waits for the device


class Watch:
    """Follows a stage of so many epochs of so many iterations; on rank 0, the others are silent."""

    def __init__(self, run: Run, stage: str, epochs: int, iterations: int, around: Around):
        self._run, self._stage, self._around = run, stage, around
        self._epochs, self._iterations = epochs, iterations
        self._pace = Pace(epochs, iterations, around)
        self._looked, self._loss = -LOOK_SECONDS, 0.0

    def iteration(self, epoch: int, losses: Sequence[Tensor]) -> None:
        """An iteration is over.

        Args:
            epoch: from 0.
            losses: of the epoch's iterations so far.
        """
        self._pace.iteration()
        done = len(losses)
        if self._run.scalar and done % LATEST == 0:
            self._run.scalar(f"{self._stage}/loss", _latest(losses), epoch * self._iterations + done)
        if self._run.report is not silent:
            if perf_counter() - self._looked >= LOOK_SECONDS:
                self._loss, self._looked = _latest(losses), perf_counter()
            self._run.report(TASK, *self._pace.work(epoch, done), self._note(epoch, done))

    def epoch(self, record: dict) -> None:
        """An epoch is over, and this is its record; it is told and kept."""
        self._pace.end_of_epoch()
        if distributed.rank() == 0:
            self._run.emit(record)
            keep_record(self._run.epochs_path, record, record["epoch"] == 1 and not self._around.before)
            self._draw(record)

    def _draw(self, record: dict) -> None:
        """The numbers of an epoch's record as points of curves."""
        for name, value in record.items():
            if self._run.scalar and isinstance(value, float):
                self._run.scalar(f"{self._stage} epochs/{name}", value, record["epoch"])

    def _note(self, epoch: int, done: int) -> str:
        """`finetune 3/20, loss 0.0123, 1:02:03 left`."""
        left = self._pace.seconds_left(epoch, done)
        time = "-:--:--" if left is None else timedelta(seconds=round(left))
        return f"{self._stage} {epoch + 1}/{self._epochs}, loss {self._loss:.4g}, {time} left"


def _latest(losses: Sequence[Tensor]) -> float:
    return torch.stack(list(losses[-LATEST:])).mean().item()
