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
    """Measures iterations and the ends of epochs, of a stage of E epochs of I iterations.

    The end of an epoch (validation, keeping the state) counts from the first one on that was measured.
    """

    def __init__(
        self, epochs: int, iterations: int, around: Around, now: Callable[[], float] = perf_counter
    ):
        self._epochs, self._iterations, self._around, self._now = epochs, iterations, around, now
        self._spent, self._measured, self._end = 0.0, 0, 0.0
        self._last: float | None = None  # when the epoch's latest iteration was over

    def iteration(self) -> None:
        """An iteration is over; the first of an epoch is not measured, what comes before it differs."""
        now = self._now()
        if self._last is not None:
            self._spent += now - self._last
            self._measured += 1
        self._last = now

    def end_of_epoch(self) -> None:
        """All that follows the epoch's iterations is over."""
        if self._last is not None:
            self._end = self._now() - self._last
        self._last = None

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
        if not self._measured:
            return None
        of_stage = self._epochs - epoch
        iterations = (of_stage + self._around.cost * self._around.after) * self._iterations - done
        ends = of_stage + self._around.after
        return iterations * self._spent / self._measured + ends * self._end
