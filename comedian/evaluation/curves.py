"""What a confidence is worth: precision and recall of each class over its threshold.

A spot is right if it lies within half the tolerance of a label, as in the official score; those of a label
go to the surest spot. Letters: P spots.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from comedian.evaluation.cells import Cells, GameResult, counting, put_actions, put_spots
from comedian.evaluation.metrics import match

TOLERANCE_SECONDS = 5  # the widest of the tight average-mAP: 2.5 s either way
FRAMERATE = 2
MOST_POINTS = 50  # of a class

Point = tuple[float, float, float]  # confidence, precision, recall
Curves = dict[str, list[Point]]


class Choice(NamedTuple):
    """The threshold of a class, and what to expect of spots that reach it."""

    threshold: float
    precision: float
    recall: float


def precision_recall(
    games: Iterable[GameResult], classes: Sequence[str], tolerance_seconds: int = TOLERANCE_SECONDS
) -> Curves:
    """Points of each class that has labels, at falling confidence, where recall grows."""
    targets, predictions = Cells(classes, FRAMERATE), Cells(classes, FRAMERATE)
    for number, game in enumerate(games):
        put_actions(targets, number, game.actions)
        put_spots(predictions, number, game.spots)
    labels, spots = targets.arrays(), counting(predictions.arrays())
    right = np.zeros(len(spots.keys), bool)
    right[match(labels.keys, spots, tolerance_seconds * FRAMERATE // 2)] = True
    of_spots = spots.keys // targets.stride % len(classes)  # (P,)
    num_labels = np.bincount(labels.keys // targets.stride % len(classes), minlength=len(classes))
    return {
        name: _points(spots.values[of_spots == number], right[of_spots == number], num_labels[number])
        for number, name in enumerate(classes)
        if num_labels[number]
    }


def thresholds_for(curves: Mapping[str, Sequence[Point]], precision: float) -> dict[str, Choice | None]:
    """Of each class the threshold of most recall whose precision is no less; None where there is none."""
    found: dict[str, Choice | None] = {}
    for label, points in curves.items():
        enough = [Choice(*point) for point in points if point[1] >= precision]
        found[label] = max(enough, key=lambda choice: choice.recall, default=None)
    return found


def _points(confidences: np.ndarray, right: np.ndarray, num_labels: int) -> list[Point]:
    """Precision and recall of all that is as sure as each right spot."""
    order = np.argsort(-confidences, kind="stable")
    confidences, right = confidences[order], right[order]
    last = np.append(confidences[1:] < confidences[:-1], True)[: len(confidences)]  # of equal ones
    true = np.cumsum(right)
    places = np.flatnonzero(last)
    places = places[np.diff(true[places], prepend=0) > 0]
    if len(places) > MOST_POINTS:
        places = places[np.linspace(0, len(places) - 1, MOST_POINTS).round().astype(int)]
    return [
        (round(float(confidences[at]), 6), round(true[at] / (at + 1), 4), round(true[at] / num_labels, 4))
        for at in places.tolist()
    ]
