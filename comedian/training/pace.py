"""How far a run of one or two stages is, and how long the rest takes.

Letters: I iterations of an epoch, E epochs of the stage at hand.
"""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple


class Around(NamedTuple):
    """The stages before and after the one at hand.

    Attributes:
        before, after: their epochs, which have as many clips as those of the stage.
        cost: the time of one of their epochs, as a multiple of the stage's.
    """

    before: int = 0
    after: int = 0
    cost: float = 1.0


ALONE = Around()


class Pace:
    """Measures a stage of E epochs of I iterations.

    The first iteration of an epoch waits for what lies between it and the one before: validation, keeping
    the state, threads that start. That is measured apart, and counts from the first time on.
    """

    def __init__(
        self, epochs: int, iterations: int, around: Around, now: Callable[[], float] = perf_counter
    ):
        self._epochs, self._iterations, self._around, self._now = epochs, iterations, around, now
        self._spent, self._measured = 0.0, 0  # by iterations within epochs
        self._turn: float | None = None  # from an epoch's last iteration to the end of the next one's first
        self._end = 0.0  # of an epoch, after its last iteration
        self._last: float | None = None  # when the latest iteration was over
        self._is_new = True  # no iteration of the epoch is over

    def iteration(self) -> None:
        """An iteration is over."""
        now = self._now()
        if self._last is not None and self._is_new:
            self._turn = now - self._last
        elif self._last is not None:
            self._spent += now - self._last
            self._measured += 1
        self._last, self._is_new = now, False

    def end_of_epoch(self) -> None:
        """All that follows the epoch's iterations is over."""
        if self._last is not None:
            self._end = self._now() - self._last
        self._is_new = True

    def work(self, epoch: int, done: int) -> tuple[float, float]:
        """What is done of the whole run and how much there is, in iterations of this stage.

        Args:
            epoch: from 0.
            done: iterations of that epoch.
        """
        before, after, cost = self._around
        an_epoch = self._iterations + 1  # 1 for its end, so that the last iteration is not all
        total = (cost * (before + after) + self._epochs) * an_epoch
        return (cost * before + epoch) * an_epoch + done, total

    def seconds_left(self, epoch: int, done: int) -> float | None:
        """Seconds to the end of the last stage; None before there is a measure. Args as for `work`."""
        if not self._measured and self._turn is None:
            return None
        one = self._spent / self._measured if self._measured else 0.0  # of an epoch of one, nothing follows
        turn = one if self._turn is None else self._turn
        _, after, cost = self._around
        more = self._epochs - epoch - 1
        iterations = self._iterations - done + (more + cost * after) * (self._iterations - 1)
        return iterations * one + (more + after) * turn + self._end
