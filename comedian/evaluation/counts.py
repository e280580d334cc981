"""What the official score counts, game by game, so that games can be drawn anew, left out and swapped.

Matching never reaches from one game to another: the counts of some games together are the sum of their
counts, and the score of the sum is the official score of those games, to the last bit.

Letters: G games, C classes, K tolerances, R draws; 200 thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from comedian.evaluation.cells import Arrays, Cells, GameResult, counting, put_actions, put_spots
from comedian.evaluation.metrics import LEVELS, match, reaching, share, slots_of, trapezoid


@dataclass(frozen=True)
class Counts:
    """Counts of games, as float64, which holds whole numbers to the last one and is fast to sum up.

    Attributes:
        true: (G, K, C, 200), spots that match a label and reach a threshold.
        spots: (G, C, 200), all that reach it.
        labels: (G, C).
    """

    true: np.ndarray
    spots: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def weighted(self, weights: np.ndarray) -> "Counts":
        """Sums (R, …) of the games, each taken as often as weights (R, G) say."""
        return Counts(*(np.tensordot(weights, part, 1) for part in (self.true, self.spots, self.labels)))

    def plus(self, other: "Counts", times: int = 1) -> "Counts":
        """The sums of both, the other one so many times; one of both may be a total."""
        return Counts(
            self.true + times * other.true,
            self.spots + times * other.spots,
            self.labels + times * other.labels,
        )

    def total(self) -> "Counts":
        """The counts of all games together, (1, …)."""
        return self.weighted(np.ones((1, len(self))))


def count(
    games: Sequence[GameResult], classes: Sequence[str], tolerances: Sequence[int], framerate: int
) -> Counts:
    """The counts of each game; tolerances are seconds, as in `metrics.METRICS`."""
    empty = GameResult("", (), ())
    found = [_count(game, classes, tolerances, framerate) for game in games]
    none = [part[None][:0] for part in _count(empty, classes, tolerances, framerate)]
    return Counts(*(np.stack(parts) for parts in zip(*found, strict=True)) if found else none)


def precisions(counts: Counts) -> np.ndarray:
    """Average precision (…, K, C) of each game, or sum of games; 0 for a class without labels.

    As `metrics.average_precision` to the bit, and faster: recall falls with the threshold, so that those
    that reach a level are the first ones, and one running maximum serves all levels.
    """
    best = np.maximum.accumulate(share(counts.true, counts.spots[..., None, :, :]), axis=-1)
    recall = share(counts.true, counts.labels[..., None, :, None])
    total = np.zeros(recall.shape[:-1])
    for level in LEVELS:
        number = np.count_nonzero(recall >= level, axis=-1)
        last = np.take_along_axis(best, np.maximum(number - 1, 0)[..., None], axis=-1)[..., 0]
        total += np.where(number > 0, last, 0)
    return total / len(LEVELS)


def a_map_per_class(precision: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """The mean (…, C) over the tolerances of some rows of average precisions (…, K, C)."""
    return trapezoid([precision[..., row, :] for row in rows])


def means(per_class: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Means (…) over classes by their names: of all, and of those that have labels (NaN where none has)."""
    present = labels > 0
    number = present.sum(axis=-1)
    total = np.where(present, per_class, 0).sum(axis=-1)
    some = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return {"a_mAP_present_classes": some, "a_mAP": per_class.mean(axis=-1)}


def _count(game: GameResult, classes: Sequence[str], tolerances: Sequence[int], framerate: int) -> tuple:
    targets, predictions = Cells(classes, framerate), Cells(classes, framerate)
    put_actions(targets, 0, game.actions)
    put_spots(predictions, 0, game.spots)
    labelled, spotted = targets.arrays(), counting(predictions.arrays())
    true, spots = count_cells(labelled, spotted, targets, tolerances)
    labels = np.bincount(labelled.keys // targets.stride % len(classes), minlength=len(classes))
    return tuple(part.astype(np.float64) for part in (true, spots, labels))


def count_cells(
    labelled: Arrays, spotted: Arrays, cells: Cells, tolerances: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """`true` (K, C, 200) and `spots` (C, 200) of some labels and spots in cells of one game."""
    num_classes = len(cells.classes)
    slots = slots_of(spotted.keys // cells.stride % num_classes, spotted.values)
    true = [
        reaching(slots[match(labelled.keys, spotted, seconds * cells.framerate // 2)], num_classes)
        for seconds in tolerances
    ]
    return np.array(true), reaching(slots, num_classes)
