"""From scores to spots, in the order of time; an offset moves a spot away from its token.

Letters: L tokens, C classes, n spots.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from comedian.formats.scores import Scores
from comedian.formats.spot import Spot
from comedian.recipes.suppress import THRESHOLD


class Found(NamedTuple):
    """Spots of a half that nothing can come before any more, and how many seconds of it are done."""

    video: str
    half: int
    seconds: float
    spots: Iterable[Spot]


def to_spots(scores: Scores, classes: Sequence[str], threshold: float = THRESHOLD) -> Iterator[Spot]:
    """Spots of a whole half, in time order: of every token and class of at least a probability.

    They carry `video_ms`, too, where the half's file holds several.
    """
    return _spots(scores, classes, threshold, _last_ms(scores))


def spots_in_order(
    runs: Iterable[Scores],
    classes: Sequence[str],
    threshold: float = THRESHOLD,
    offset_reach_seconds: float = 0.0,
) -> Iterator[Found]:
    """The spots of halves whose scores come run by run, as `to_spots` gives them.

    Args:
        runs: consecutive scores, half by half.
        offset_reach_seconds: how far a spot may be from its token; so much later it is handed on.
    """
    for (video, half), some in groupby(runs, key=lambda run: (run.video, run.half)):
        waiting: list[Spot] = []
        for run in some:
            if run.offsets is None:
                yield Found(video, half, float(run.seconds[-1]), _spots(run, classes, threshold))
                continue
            waiting = sorted([*waiting, *_spots(run, classes, threshold)], key=itemgetter("position_ms"))
            final_ms = 1000 * (float(run.seconds[-1]) - offset_reach_seconds)
            number = sum(spot["position_ms"] <= final_ms for spot in waiting)
            yield Found(video, half, float(run.seconds[-1]), waiting[:number])
            waiting = waiting[number:]
        if waiting:
            yield Found(video, half, float(run.seconds[-1]), [_clipped(spot, run) for spot in waiting])


def positions_ms(scores: Scores, tokens: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Where spots of some tokens and columns are, int64 (n,) milliseconds, not before the half's start."""
    seconds = scores.seconds[tokens]
    if scores.offsets is not None:
        seconds = np.maximum(seconds + scores.offsets[tokens, columns], 0)
    return np.rint(seconds * 1000).astype(np.int64)


def clipped_positions_ms(scores: Scores, tokens: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """As `positions_ms`, of a whole half: nor after its end."""
    return np.minimum(positions_ms(scores, tokens, columns), _last_ms(scores))


def _last_ms(scores: Scores) -> int:
    """The time of the last token."""
    return int(np.rint(scores.seconds[-1:] * 1000).sum())


def _spots(
    scores: Scores, classes: Sequence[str], threshold: float, last_ms: int | None = None
) -> Iterator[Spot]:
    tokens, columns = np.nonzero(scores.probabilities >= threshold)
    positions = positions_ms(scores, tokens, columns)
    if scores.offsets is not None:
        positions = positions if last_ms is None else np.minimum(positions, last_ms)
        order = np.argsort(positions, kind="stable")
        positions, tokens, columns = positions[order], tokens[order], columns[order]
    for position, token, column in zip(positions.tolist(), tokens.tolist(), columns.tolist(), strict=True):
        spot: Spot = {
            "video": scores.video,
            "half": scores.half,
            "position_ms": position,
            "label": classes[column],
            "confidence": round(float(scores.probabilities[token, column]), 6),
        }
        if scores.video_start_ms is not None:
            spot["video_ms"] = scores.video_start_ms + position
        yield spot


def _clipped(spot: Spot, scores: Scores) -> Spot:
    """A spot that its offset moved past the end of the half, at the end."""
    excess_ms = max(spot["position_ms"] - _last_ms(scores), 0)
    moved: Spot = {**spot, "position_ms": spot["position_ms"] - excess_ms}
    if "video_ms" in spot:
        moved["video_ms"] = spot["video_ms"] - excess_ms
    return moved
