"""What the official score would count after each way of suppression, game by game.

Letters: A ways of suppression, U units (games or halves), C classes, K tolerances; 200 thresholds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from comedian.errors import InputError
from comedian.evaluation.cells import Arrays, Cells, put_actions
from comedian.evaluation.counts import count_cells
from comedian.evaluation.metrics import METRICS
from comedian.evaluation.pairing import Videos, pair
from comedian.formats.actions import Action
from comedian.formats.lookup import Labels
from comedian.formats.naming import HALVES
from comedian.formats.scores import Scores
from comedian.progress import Report, silent
from comedian.recipes.suppress import THRESHOLD
from comedian.recipes.suppression import Way
from comedian.spotting.spots import clipped_positions_ms
from comedian.spotting.suppress import METHODS

TOLERANCES = METRICS["tight"]


@dataclass(frozen=True)
class Unit:
    """What is left out or taken as a whole: a game, or a half of the only one.

    Attributes:
        halves: number and scores of each half.
    """

    name: str
    actions: Sequence[Action]
    halves: Sequence[tuple[int, Scores]]


@dataclass(frozen=True)
class Tally:
    """Counts of each way and unit.

    Attributes:
        true: (A, U, K, C, 200) uint16.
        spots: (A, U, C, 200) uint32.
        labels: (U, C).
    """

    true: np.ndarray
    spots: np.ndarray
    labels: np.ndarray


class _Column(NamedTuple):
    """The scores of a class in a half: number of its row of cells, milliseconds, scores and frames."""

    row: int
    times: list[int]
    scores: list[float]
    frames: np.ndarray


def units_of(halves: Sequence[Scores], known: Labels) -> tuple[list[Unit], str]:
    """Games with scores and their labels, or the halves of the game where there is one; and which of both.

    Labels of halves without scores are left out.

    Raises:
        InputError: a video has no labels, two hold the same half, or there is one half only.
    """
    videos: Videos = {}
    for number, half in enumerate(halves):
        videos.setdefault(half.video, []).append(cast(Any, _stand_in(half) | {"number": number}))
    games = []
    for game in pair(videos, known)[0]:
        placed = [(spot["half"], halves[cast(Any, spot)["number"]]) for spot in game.spots]
        games.append(_unit(game.name, game.actions, [pair for pair in placed if pair[0] in HALVES]))
    units = [unit for unit in games if unit.halves]
    kind = "halves" if len(units) == 1 else "games"
    if kind == "halves":
        units = [_unit(f"half {half[0]}", units[0].actions, [half]) for half in units[0].halves]
    if len(units) < 2:
        has = "1 half has" if units else "0 halves have"
        what = f"{has} scores: settings are chosen on some halves and measured on others"
        raise InputError(what, None, "give scores of several games")
    return units, kind


def tally(
    units: Sequence[Unit],
    columns: Sequence[int],
    classes: Sequence[str],
    ways: Sequence[Way],
    framerate: int = 2,
    report: Report = silent,
) -> Tally:
    """Suppress the scores of every unit in every way, and count.

    Args:
        columns: of the probabilities, those of `classes`.
    """
    shape = len(ways), len(units), len(TOLERANCES), len(classes), 200
    true, labels = np.zeros(shape, np.uint16), np.zeros((len(units), len(classes)), np.int64)
    spots = np.zeros((*shape[:2], *shape[3:]), np.uint32)
    for number, unit in enumerate(units):
        cells = Cells(classes, framerate)
        put_actions(cells, 0, unit.actions)
        labelled = cells.arrays()
        labels[number] = np.bincount(labelled.keys // cells.stride % len(classes), minlength=len(classes))
        raw = list(_columns(unit, columns, cells))
        for index, way in enumerate(ways):
            spotted = suppressed(raw, way, cells)
            true[index, number], spots[index, number] = count_cells(labelled, spotted, cells, TOLERANCES)
            report("suppressing", number * len(ways) + index + 1, len(units) * len(ways))
    return Tally(true, spots, labels)


def suppressed(columns: Sequence[_Column], way: Way, cells: Cells) -> Arrays:
    """The cells of what a way of suppression leaves; the last spot of a frame counts, as officially."""
    keys: list[np.ndarray] = []
    values: list[float] = []
    for row, times, scores, frames in columns:
        kept = sorted(METHODS[way.kind](times, scores, 500 * way.width_seconds, way.threshold))
        keys.append(row * cells.stride + frames[[index for index, _ in kept]])
        values += [score for _, score in kept]
    if not values:
        return Arrays(np.zeros(0, np.int64), np.zeros(0))
    every = np.concatenate(keys)
    order = np.argsort(every, kind="stable")
    last = order[np.append(np.diff(every[order]) > 0, True)]
    return Arrays(every[last], np.array(values)[last])


def _columns(unit: Unit, columns: Sequence[int], cells: Cells) -> Iterator[_Column]:
    """The scores of every class and half, as `spot` would write them (`spots.to_spots`)."""
    for number, half in unit.halves:
        for index, column in enumerate(columns):
            some = np.flatnonzero(half.probabilities[:, column] >= THRESHOLD)
            times = clipped_positions_ms(half, some, np.full_like(some, column))
            order = np.argsort(times, kind="stable")
            some, times = some[order], times[order]
            frames = np.array([cells.frame(time) for time in times.tolist()], np.int64)
            scores = [round(float(score), 6) for score in half.probabilities[some, column]]
            yield _Column(cells.row(0, number, index), times.tolist(), scores, frames)


def _stand_in(half: Scores) -> dict:
    """A spot in place of a half's scores, to find their labels by."""
    spot = {"half": half.half, "position_ms": 0, "label": "", "confidence": 0.0}
    return spot if half.video_start_ms is None else spot | {"video_ms": half.video_start_ms}


def _unit(name: str, actions: Sequence[Action], halves: list[tuple[int, Scores]]) -> Unit:
    numbers = {number for number, _ in halves}
    return Unit(name, [action for action in actions if action.half in numbers], halves)
