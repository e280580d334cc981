"""The official score of SoccerNet's action spotting (package `SoccerNet`, version 2), to the last bit.

Letters: r frames a second of the evaluation, N frames of a half (two hours), C classes, P predictions,
n targets, K tolerances. A cell is a (game, half, class, frame); its key grows in that order.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import itemgetter

import numpy as np

from comedian.evaluation.cells import (
    HALF_SECONDS,
    UNSHOWN,
    VISIBLE,
    Arrays,
    Cells,
    GameResult,
    Scored,
    counting,
    put_actions,
    put_spots,
)
from comedian.evaluation.remarks import (
    is_on_match_clock,
    remark_bare,
    remark_cells,
    remark_classes,
    remark_match_clock,
    remark_missing,
)
from comedian.formats.naming import HALVES
from comedian.formats.spot import Outside
from comedian.recipes.model import SOCCERNET_CLASSES

METRICS = {  # tolerances in seconds
    "tight": (1, 2, 3, 4, 5),
    "loose": tuple(range(5, 61, 5)),
    **{f"at{seconds}": (seconds,) for seconds in range(1, 6)},
}
THRESHOLDS = np.linspace(0, 1, 200)
LEVELS = np.arange(11) / 10  # of recall, between which precision is interpolated
KINDS = ("all", "visible", "unshown")


def evaluate(
    games: Iterable[GameResult],
    classes: Sequence[str] = SOCCERNET_CLASSES,
    metrics: Sequence[str] = ("tight",),
    framerate: int = 2,
) -> dict:
    """Score games as SoccerNet's evaluator does.

    Args:
        games: taken one at a time; a game without spots counts as missed.
        classes: all count, also those without a label.
        metrics: names out of `METRICS`.
        framerate: r, frames a second (2; ball spotting 25).

    Returns:
        `n_games`, `framerate`, `classes`, `metrics` (by name, in the official names), and `warnings`:
        what makes these numbers differ from what one may take them for.

    Raises:
        InputError: a position lies two hours or more before its half.
    """
    targets, predictions = Cells(classes, framerate), Cells(classes, framerate)
    absent, halves_missed, bare, late, num_games = [], [], [], [], 0
    outside = Outside()
    for number, game in enumerate(games):
        num_games += 1
        outside.look(map(itemgetter("confidence"), game.spots))
        late += [game.name] * is_on_match_clock(game.actions)
        put_actions(targets, number, game.actions)
        put_spots(predictions, number, game.spots)
        labelled, spotted = _halves_of(game)
        missed = labelled - spotted
        bare += [f"half {half} of {game.name}" for half in sorted(spotted - labelled)]
        if not game.spots:
            absent.append(game.name)
        elif missed:
            halves_missed.append(f"half {min(missed)} of {game.name}")
    tolerances = sorted({k for metric in metrics for k in METRICS[metric]})
    scored = score(targets.arrays(), counting(predictions.arrays()), len(classes), framerate, tolerances)
    return {
        "n_games": num_games,
        "framerate": framerate,
        "classes": list(classes),
        "metrics": {metric: report(scored, classes, tolerances, METRICS[metric]) for metric in metrics},
        "warnings": [
            *remark_missing("game", absent),
            *remark_missing("half", halves_missed),
            *remark_bare(bare),
            *remark_match_clock(late),
            *remark_cells(targets, predictions, outside),
            *remark_classes(scored, classes, max(len(METRICS[metric]) for metric in metrics)),
        ],
    }


def _halves_of(game: GameResult) -> tuple[set[int], set[int]]:
    """The halves, 1 and 2 alone, that have labels and that have spots."""
    labelled = {action.half for action in game.actions} & set(HALVES)
    return labelled, {spot["half"] for spot in game.spots} & set(HALVES)


def score(
    targets: Arrays, predictions: Arrays, num_classes: int, framerate: int, tolerances: Sequence[int]
) -> Scored:
    """Average precision of every tolerance (seconds), kind and class."""
    stride = 2 * HALF_SECONDS * framerate
    classes = predictions.keys // stride % num_classes  # (P,)
    owner = _visibility_of_owner(targets, predictions.keys, stride)  # (P,)
    slots = slots_of(classes, predictions.values)
    of_kind = {"all": np.ones(len(owner), bool), "visible": owner == VISIBLE, "unshown": owner == UNSHOWN}
    num_predicted = {kind: reaching(slots[some], num_classes) for kind, some in of_kind.items()}
    num_targets = _count_targets(targets, num_classes, stride)
    precisions = {kind: np.zeros((len(tolerances), num_classes)) for kind in KINDS}
    for row, seconds in enumerate(tolerances):
        matched = match(targets.keys, predictions, seconds * framerate // 2)  # |Δframe| ≤ K·r/2
        for kind, some in of_kind.items():
            num_true = reaching(slots[matched[some[matched]]], num_classes)
            precisions[kind][row] = average_precision(num_true, num_predicted[kind], num_targets[kind])
    return Scored(precisions, num_targets, np.bincount(classes, minlength=num_classes))


def match(targets: np.ndarray, predictions: Arrays, reach: int) -> np.ndarray:
    """Indices of the predictions that are true, as `match_pairs` finds them."""
    return np.array(match_pairs(targets, predictions, reach)[1], np.int64)


def match_pairs(targets: np.ndarray, predictions: Arrays, reach: int) -> tuple[list[int], list[int]]:
    """Indices of the targets that are found, and of the predictions that find them.

    Targets in time order each take the unused prediction within `reach` frames whose score is the
    highest, the earliest on ties. Keys of different halves and classes are never within reach.
    """
    first = np.searchsorted(predictions.keys, targets - reach)
    last = np.searchsorted(predictions.keys, targets + reach, side="right")
    some = first < last
    free = predictions.values.tolist()
    found, taken = [], []
    numbers, starts, stops = np.flatnonzero(some), first[some], last[some]
    for number, start, stop in zip(numbers.tolist(), starts.tolist(), stops.tolist(), strict=True):
        window = free[start:stop]
        best = max(window)
        if best >= 0:
            index = start + window.index(best)
            found.append(number)
            taken.append(index)
            free[index] = -1.0
    return found, taken


def average_precision(
    num_true: np.ndarray, num_predicted: np.ndarray, num_targets: np.ndarray
) -> np.ndarray:
    """Eleven-point interpolation, (…, C), from counts by threshold (…, C, 200) and targets (…, C)."""
    precision = share(num_true, num_predicted)
    recall = share(num_true, num_targets[..., None])
    total = np.zeros(precision.shape[:-1])
    for level in LEVELS:
        total += np.where(recall >= level, precision, 0).max(axis=-1)
    return total / len(LEVELS)


def report(
    scored: Scored, classes: Sequence[str], tolerances: Sequence[int], wanted: Sequence[int]
) -> dict:
    """One metric in the official names, with its curves over tolerances and its counts beside it."""
    rows = [tolerances.index(seconds) for seconds in wanted]
    precisions = {kind: [scored.precisions[kind][row] for row in rows] for kind in KINDS}  # K times (C,)
    curves = {kind: [float(np.mean(row)) for row in precisions[kind]] for kind in KINDS}
    result = {}
    for kind, suffix in zip(KINDS, ("", "_visible", "_unshown"), strict=True):
        mean = trapezoid(curves[kind])
        result[f"a_mAP{suffix}"] = mean * 17 / 13 if kind == "unshown" and len(rows) > 1 else mean
        result[f"a_mAP_per_class{suffix}"] = _by_class(classes, trapezoid(precisions[kind]))
    present = scored.num_targets["all"] > 0
    if present.any():
        result["a_mAP_present_classes"] = float(np.mean(trapezoid(precisions["all"])[present]))
    result["per_delta"] = {
        "deltas": list(wanted),
        **{f"mAP_{kind}": curves[kind] for kind in KINDS},
        **{f"AP_per_class_{kind}": [row.tolist() for row in precisions[kind]] for kind in KINDS},
        "n_targets_visible": _by_class(classes, scored.num_targets["visible"]),
        "n_targets_unshown": _by_class(classes, scored.num_targets["unshown"]),
        "n_detections": _by_class(classes, scored.num_predictions),
    }
    return result


def trapezoid(curve: Sequence):
    """Mean height over unit spacing, summed in order; of a single point the point."""
    if len(curve) == 1:
        return curve[0]
    total = 0.0
    for left, right in pairwise(curve):
        total = total + (left + right) / 2
    return total / (len(curve) - 1)


def _visibility_of_owner(targets: Arrays, keys: np.ndarray, stride: int) -> np.ndarray:
    """Visibility of the target whose stretch of time holds a key; unshown where the half has none."""
    if not len(targets.keys):
        return np.full(len(keys), UNSHOWN)
    rows = targets.keys // stride
    starts = np.append(0, (targets.keys[:-1] + targets.keys[1:]) // 2)
    starts = np.where(np.append(True, rows[1:] != rows[:-1]), rows * stride, starts)
    owner = np.searchsorted(starts, keys, side="right") - 1
    return np.where((owner >= 0) & (rows[owner] == keys // stride), targets.values[owner], UNSHOWN)


def slots_of(classes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """class * 201 + rank: how many thresholds a score reaches, at least the first, which is 0."""
    return classes * (len(THRESHOLDS) + 1) + np.searchsorted(THRESHOLDS, values, side="right")


def reaching(slots: np.ndarray, num_classes: int) -> np.ndarray:
    """How many scores reach each threshold, (C, 200), from `slots_of`."""
    width = len(THRESHOLDS) + 1
    counts = np.bincount(slots, minlength=num_classes * width).reshape(num_classes, width)
    return counts[:, :0:-1].cumsum(axis=1)[:, ::-1]


def _count_targets(targets: Arrays, num_classes: int, stride: int) -> dict[str, np.ndarray]:
    classes = targets.keys // stride % num_classes
    visible = np.bincount(classes[targets.values == VISIBLE], minlength=num_classes)
    unshown = np.bincount(classes[targets.values == UNSHOWN], minlength=num_classes)
    return {"all": visible + unshown, "visible": visible, "unshown": unshown}


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """One array divided by another; 0 where there is nothing to divide by."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    return np.divide(part, whole, out=np.zeros(shape), where=whole > 0)


def _by_class(classes: Sequence[str], values: np.ndarray) -> dict:
    return dict(zip(classes, values.tolist(), strict=True))
