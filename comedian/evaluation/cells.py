"""Actions and spots in their cells: (game, half, class, frame).

Letters: r frames a second of the evaluation, N frames of a half (two hours), C classes, K tolerances.
A cell's key grows in the order of (game, half, class, frame).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from comedian.errors import InputError
from comedian.formats.actions import NOT_SHOWN, Action
from comedian.formats.spot import HalfSpot

HALF_SECONDS = 120 * 60  # what lies behind falls into the last frame
VISIBLE, UNSHOWN = 1.0, -1.0


@dataclass(frozen=True)
class GameResult:
    """A game: its labelled actions, its spots, and what its videos are called, if that is known."""

    name: str
    actions: Sequence[Action]
    spots: Sequence[HalfSpot]
    videos: Sequence[str] = ()


class Arrays(NamedTuple):
    """Cells in ascending order: `keys` (n,) int64 and `values` (n,) float64."""

    keys: np.ndarray
    values: np.ndarray


@dataclass
class Cells:
    """Actions or spots in their cells: a later one replaces an earlier one."""

    classes: Sequence[str]
    framerate: int
    values: dict[int, float] = field(default_factory=dict)
    num_entries: int = 0
    unknown: Counter = field(default_factory=Counter)  # labels outside the classes
    outside: Counter = field(default_factory=Counter)  # "late", "early", "before", "half"
    visibilities: Counter = field(default_factory=Counter)  # of actions

    def __post_init__(self):
        self.number = {name: index for index, name in enumerate(self.classes)}
        self.num_frames = HALF_SECONDS * self.framerate  # N
        self.stride = 2 * self.num_frames  # keys of two halves are out of reach of each other

    def put(self, game: int, half: int, label: str, position_ms: float, value: float) -> None:
        """Place one entry; unknown labels and halves are counted and skipped."""
        if (number := self.number.get(label)) is None:
            self.unknown[label] += 1
        elif half not in (1, 2):
            self.outside["half"] += 1
        else:
            self.num_entries += 1
            self.values[self.row(game, half, number) * self.stride + self.frame(position_ms)] = value

    def row(self, game: int, half: int, number: int) -> int:
        """Number of a (game, half, class)."""
        return (2 * game + half - 1) * len(self.classes) + number

    def frame(self, position_ms: float) -> int:
        """Frame of a position: the official float expression, a negative one wraps from the end."""
        frame = int(self.framerate * (int(position_ms) / 1000))
        if 0 <= frame < self.num_frames:
            self.outside["before"] += position_ms < 0
            return frame
        self.outside["late" if frame > 0 else "early"] += 1
        if frame < -self.num_frames:
            raise InputError(f"position {position_ms} ms is two hours before its half", remedy="mend it")
        return self.num_frames - 1 if frame > 0 else frame + self.num_frames

    def arrays(self) -> Arrays:
        """The cells that count, in ascending order; predictions below 0 or NaN are none."""
        keys = np.fromiter(self.values.keys(), np.int64, len(self.values))
        values = np.fromiter(self.values.values(), np.float64, len(self.values))
        order = np.argsort(keys)
        return Arrays(keys[order], values[order])


class Scored(NamedTuple):
    """The numbers of some tolerances, each by kind: all, visible, unshown.

    Attributes:
        precisions: average precision (K, C).
        num_targets: (C,) int64.
        num_predictions: (C,) int64, of all kinds together.
    """

    precisions: dict[str, np.ndarray]
    num_targets: dict[str, np.ndarray]
    num_predictions: np.ndarray


def put_spots(predictions: Cells, game: int, spots: Iterable[HalfSpot]) -> None:
    """Place the spots of a game, in their order."""
    for spot in spots:
        predictions.put(game, spot["half"], spot["label"], spot["position_ms"], spot["confidence"])


def counting(predictions: Arrays) -> Arrays:
    """Predictions of at least 0; below, and NaN, are none."""
    some = predictions.values >= 0
    return Arrays(predictions.keys[some], predictions.values[some])


def put_actions(targets: Cells, game: int, actions: Iterable[Action]) -> None:
    """Place the labelled actions of a game; not visible is only "not shown"."""
    for action in actions:
        value = UNSHOWN if action.visibility == NOT_SHOWN else VISIBLE
        targets.visibilities[action.visibility] += 1
        targets.put(game, action.half, action.label, action.position_ms, value)
