"""Whether one spotter is better than another on the same games, or chance made it look so.

Both are scored on the same games, so games are pairs. The interval of the difference is that of the paired
bootstrap: games are drawn anew, the same for both. The p is that of the paired permutation test (Fisher,
1935): if both were alike, their spots of any game could be swapped; it is the share of swaps that make a
difference at least as large, in either direction.

Letters: G games, C classes, R draws.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from comedian.evaluation.counts import Counts, a_map_per_class, means, precisions
from comedian.evaluation.intervals import RESAMPLES, Rows, bounds, resampled

SWAPS = 2000
MEANS = ("a_mAP_present_classes", "a_mAP")
_CHUNK = 50  # draws that are scored at once
_ALIKE = 1e-12  # differences that only rounding made


def compare(
    these: Counts,
    other: Counts,
    classes: Sequence[str],
    rows: Rows,
    resamples: int = RESAMPLES,
    swaps: int = SWAPS,
    seed: int = 0,
) -> dict:
    """The difference of two spotters by metric; positive where these are better.

    Args:
        these, other: counts of the same games and labels.

    Returns:
        `resamples`, `seed`, `test` (which, in words) and `metrics`: by name both means, and
        `a_mAP_per_class`, each as `these`, `other`, `difference` and, of the means, `interval` (null for
        one game); and `p`, the same for both means.
    """
    chosen = np.array(list(_swaps(len(these), swaps, seed)))
    exact = len(chosen) == 2 ** len(these)
    both = _scores(these.total(), rows), _scores(other.total(), rows)
    drawn = _differences(these, other, rows, resamples, seed) if len(these) > 1 else {}
    swapped = _swapped(these, other, rows, chosen)
    found = {}
    for metric in rows:
        one, two = both[0][metric], both[1][metric]
        found[metric] = {
            **{key: _pair(one[key], two[key]) | _interval(drawn.get(metric, {}).get(key)) for key in MEANS},
            "a_mAP_per_class": {
                label: _pair(one["classes"][:, number], two["classes"][:, number])
                for number, label in enumerate(classes)
            },
            "p": _p_value(swapped[metric], one[MEANS[0]] - two[MEANS[0]], exact),
        }
    kind = f"all {len(chosen)}" if exact else f"{len(chosen)} random"
    return {
        "resamples": resamples,
        "seed": seed,
        "test": f"paired permutation test, {kind} swaps of games between both",
        "metrics": found,
    }


def remark_least_p(number: int) -> list[str]:
    """Of so few games that no difference can be told from chance."""
    least = 2 / 2**number
    games = "1 game" if number == 1 else f"{number} games"
    return [f"with {games} no p can be below {least:.2g}"] if least > 0.05 else []


def _swaps(number: int, draws: int, seed: int) -> Iterator[Sequence[int]]:
    """Which games keep their owner: all ways where there are no more than `draws`, else some at random."""
    if 2**number <= draws:
        yield from product((1, 0), repeat=number)
        return
    rng = np.random.default_rng(seed)
    yield from rng.integers(2, size=(draws, number))


def _scores(total: Counts, rows: Rows) -> dict[str, dict[str, np.ndarray]]:
    """Means (R,) and classes (R, C) by metric."""
    precision = precisions(total)
    found = {}
    for metric, some in rows.items():
        per_class = a_map_per_class(precision, some)
        found[metric] = {**means(per_class, total.labels), "classes": per_class}
    return found


def _differences(these: Counts, other: Counts, rows: Rows, resamples: int, seed: int) -> dict:
    """Differences (R,) of the means, by metric, in draws of games."""
    found: dict[str, dict[str, list]] = {metric: {key: [] for key in MEANS} for metric in rows}
    pairs = zip(resampled(these, resamples, seed), resampled(other, resamples, seed), strict=True)
    for one, two in pairs:
        first, second = _scores(one, rows), _scores(two, rows)
        for metric in rows:
            for key in MEANS:
                found[metric][key].append(first[metric][key] - second[metric][key])
    return {
        metric: {key: np.concatenate(parts) for key, parts in some.items()}
        for metric, some in found.items()
    }


def _swapped(these: Counts, other: Counts, rows: Rows, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Differences (R,) of the mean over classes with labels, by metric, after swaps (R, G)."""
    found: dict[str, list] = {metric: [] for metric in rows}
    difference, both = these.plus(other, -1), these.total().plus(other.total())
    for start in range(0, len(chosen), _CHUNK):
        first = other.total().plus(difference.weighted(chosen[start : start + _CHUNK]))
        one, two = _scores(first, rows), _scores(both.plus(first, -1), rows)
        for metric in rows:
            found[metric].append(one[metric][MEANS[0]] - two[metric][MEANS[0]])
    return {metric: np.concatenate(parts) for metric, parts in found.items()}


def _p_value(swapped: np.ndarray, difference: np.ndarray, exact: bool) -> float | None:
    """Share of the swaps that differ as much; what was seen is one of the random ones, too."""
    if np.isnan(difference).any():
        return None
    number = int((np.abs(swapped) >= np.abs(difference) - _ALIKE).sum())
    return number / len(swapped) if exact else (number + 1) / (len(swapped) + 1)


def _pair(these: np.ndarray, other: np.ndarray) -> dict:
    both = float(these[0]), float(other[0])
    if np.isnan(both).any():
        return {"these": None, "other": None, "difference": None}
    return {"these": both[0], "other": both[1], "difference": both[0] - both[1]}


def _interval(drawn: np.ndarray | None) -> dict:
    return {"interval": None if drawn is None else bounds(drawn)}
