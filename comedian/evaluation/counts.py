"""What the official score counts, game by game, so that games can be drawn anew, left out and swapped.

Matching never reaches from one game to another: the counts of some games together are the sum of their
counts, and the score of the sum is the official score of those games, to the last bit.

Letters: G games, C classes, K tolerances, R draws; 200 thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from comedian.evaluation.cells import Cells, GameResult, counting, put_actions, put_spots
from comedian.evaluation.metrics import average_precision, match, reaching, slots_of, trapezoid


@dataclass(frozen=True)
class Counts:
    """Counts of games.

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
        return Counts(*(_weighted(weights, part) for part in (self.true, self.spots, self.labels)))

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
    """Average precision (…, K, C) of each game, or sum of games; 0 for a class without labels."""
    return average_precision(counts.true, counts.spots[..., None, :, :], counts.labels[..., None, :])


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
    num_classes = len(classes)
    slots = slots_of(spotted.keys // targets.stride % num_classes, spotted.values)
    true = [
        reaching(slots[match(labelled.keys, spotted, seconds * framerate // 2)], num_classes)
        for seconds in tolerances
    ]
    labels = np.bincount(labelled.keys // targets.stride % num_classes, minlength=num_classes)
    small = np.int32  # numbers of spots of a game
    return np.array(true, small), reaching(slots, num_classes).astype(small), labels


def _weighted(weights: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Whole numbers below 2**53, which float64 holds to the last one."""
    total = weights.astype(np.float64) @ part.reshape(len(part), -1).astype(np.float64)
    return total.reshape(len(weights), *part.shape[1:])
