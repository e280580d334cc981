"""How far a score may be off for the choice of its games: the bootstrap (Efron, 1979) over games.

Games are drawn anew, as many as there are and with replacement, and scored together; the interval holds
the middle 95 % of what comes out (percentiles). A game is the unit, since what happens within one belongs
together.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from comedian.errors import InputError
from comedian.evaluation.counts import Counts, a_map_per_class, means, precisions

LEVEL = 0.95
RESAMPLES = 1000
FEW_GAMES = 10  # of fewer, no interval is to be relied on
_CHUNK = 50  # draws that are scored at once

Rows = Mapping[str, Sequence[int]]  # the tolerances of each metric, as rows of the counts


def intervals(
    counts: Counts, classes: Sequence[str], rows: Rows, resamples: int = RESAMPLES, seed: int = 0
) -> dict:
    """Intervals of the means and of each class, by metric.

    Draws in which a class has no label do not count for that class (null where none has one); in `a_mAP`
    they count 0, as officially.

    Returns:
        `resamples`, `seed`, `level`, and `metrics`, with a pair of bounds where the score has a number.

    Raises:
        InputError: there are fewer than two games.
    """
    if len(counts) < 2:
        raise InputError(remark_few(len(counts), "intervals")[0], None, "score more games")
    found: dict[str, list] = {metric: [] for metric in rows}
    for drawn in resampled(counts, resamples, seed):
        precision = precisions(drawn)
        for metric, some in rows.items():
            found[metric].append(_with_means(a_map_per_class(precision, some), drawn.labels))
    return {
        "resamples": resamples,
        "seed": seed,
        "level": LEVEL,
        "metrics": {metric: _bounds(np.concatenate(parts), classes) for metric, parts in found.items()},
    }


def remark_few(number: int, what: str) -> list[str]:
    """Of so few games that what is drawn from them says little."""
    if number < 2:
        return [f"no {what}: they need two games or more, there {'is' if number == 1 else 'are'} {number}"]
    return [f"{what} over {number} games are rough; take {FEW_GAMES} or more"] if number < FEW_GAMES else []


def resampled(counts: Counts, resamples: int, seed: int) -> Iterator[Counts]:
    """Yield sums of games drawn with replacement, some draws at once; the same for the same seed."""
    rng = np.random.default_rng(seed)
    number = len(counts)
    for start in range(0, resamples, _CHUNK):
        drawn = rng.integers(number, size=(min(_CHUNK, resamples - start), number))
        yield counts.weighted(np.array([np.bincount(row, minlength=number) for row in drawn]))


def bounds(values: np.ndarray) -> list[float] | None:
    """The middle of some values, without NaN; None where there is none."""
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    return np.percentile(values, [50 - 50 * LEVEL, 50 + 50 * LEVEL]).tolist()


def _with_means(per_class: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(R, 2 + C): both means, and each class, NaN where it has no label."""
    both = means(per_class, labels)
    some = np.where(labels > 0, per_class, np.nan)
    return np.column_stack([both["a_mAP"], both["a_mAP_present_classes"], some])


def _bounds(drawn: np.ndarray, classes: Sequence[str]) -> dict:
    columns = [bounds(column) for column in drawn.T]
    return {
        "a_mAP": columns[0],
        "a_mAP_present_classes": columns[1],
        "a_mAP_per_class": dict(zip(classes, columns[2:], strict=True)),
    }
