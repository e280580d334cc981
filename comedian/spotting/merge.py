"""Join what overlapping windows say of a token, and what several spotters say.

Letters: m tokens, C classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from comedian.errors import InputError


class Said(NamedTuple):
    """What is said of consecutive tokens.

    Attributes:
        probabilities: (m, C) float32.
        offsets: (m, C) float32 seconds to the action of each class, where the spotter tells them.
    """

    probabilities: np.ndarray
    offsets: np.ndarray | None

    def part(self, first: int, end: int | None = None) -> "Said":
        """Some of the tokens."""
        place = slice(first, end)
        offsets = None if self.offsets is None else self.offsets[place]
        return Said(self.probabilities[place], offsets)

    def then(self, more: "Said") -> "Said":
        """These tokens and those that follow."""
        both = self.offsets is not None and more.offsets is not None
        offsets = np.concatenate([self.offsets, more.offsets]) if both else more.offsets
        return Said(np.concatenate([self.probabilities, more.probabilities]), offsets)


class Merge:
    """Tokens that windows have spoken of, and later ones still may.

    Probabilities are the maximum or the average of the windows. An offset comes from the window in which
    its token lies most central; the earliest of equals.

    Attributes:
        emitted: tokens that have left.
    """

    def __init__(self, how: str, num_classes: int):
        """`how` is "max" or "average"."""
        if how not in ("max", "average"):
            raise InputError(f"merge is {how!r}", remedy='use "max" or "average"')
        self.how, self.emitted = how, 0
        self._total = np.zeros((0, num_classes), np.float32)  # (m, C), from token `emitted` on
        self._offsets = np.zeros((0, num_classes), np.float32)
        self._count = np.zeros((0, 1), np.float32)
        self._distance = np.zeros((0, 1), np.float32)  # to the middle of the most central window

    def put(self, start: int, said: Said, distance: np.ndarray) -> None:
        """Take what a window says from token `start` on.

        Args:
            distance: (m,) tokens from each to the window's middle.
        """
        begin, end = start - self.emitted, start - self.emitted + len(said.probabilities)
        assert begin >= 0, "a window reaches back to scores that were final"
        self._grow(end)
        place = slice(begin, end)
        if self.how == "max":
            self._total[place] = np.maximum(self._total[place], said.probabilities)
            self._count[place] = 1
        else:
            self._total[place] += said.probabilities
            self._count[place] += 1
        if said.offsets is not None:
            nearer = distance[:, None] < self._distance[place]
            self._offsets[place] = np.where(nearer, said.offsets, self._offsets[place])
            self._distance[place] = np.minimum(self._distance[place], distance[:, None])

    def take(self, until: int, with_offsets: bool) -> Said:
        """Hand out what is final, before token `until`."""
        number = max(until - self.emitted, 0)
        ready = self._total[:number] / np.maximum(self._count[:number], 1)
        said = Said(ready, self._offsets[:number] if with_offsets else None)
        for name in ("_total", "_offsets", "_count", "_distance"):
            setattr(self, name, getattr(self, name)[number:])
        self.emitted += number
        return said

    def _grow(self, end: int) -> None:
        more = ((0, max(end - len(self._total), 0)), (0, 0))
        self._total, self._count = np.pad(self._total, more), np.pad(self._count, more)
        self._offsets = np.pad(self._offsets, more)
        self._distance = np.pad(self._distance, more, constant_values=np.inf)


def averaged(said: Sequence[Said]) -> Said:
    """What several spotters say of the same tokens: the mean of the probabilities.

    Offsets are weighted by the probabilities. A spotter that tells none says that actions are at tokens.
    """
    scores = np.stack([one.probabilities for one in said])  # (spotters, m, C)
    mean = scores.mean(axis=0, dtype=np.float32)
    if all(one.offsets is None for one in said):
        return Said(mean, None)
    if len(said) == 1:
        return Said(mean, said[0].offsets)
    offsets = np.stack([np.zeros_like(mean) if one.offsets is None else one.offsets for one in said])
    weights = np.maximum(scores, np.finfo(np.float32).tiny)  # where all say 0 each counts alike
    return Said(mean, ((weights * offsets).sum(axis=0) / weights.sum(axis=0)).astype(np.float32))
