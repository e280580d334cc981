"""What may stand beside the official score: chance, games one by one, intervals, another's spots."""

from collections.abc import Sequence
from typing import NamedTuple

from comedian.evaluation.cells import GameResult
from comedian.evaluation.chance import chance
from comedian.evaluation.compare import compare, remark_least_p
from comedian.evaluation.counts import Counts, a_map_per_class, count, means, precisions
from comedian.evaluation.intervals import RESAMPLES, Rows, intervals, remark_few
from comedian.evaluation.metrics import METRICS, evaluate


class Asked(NamedTuple):
    """What is wanted beside the score.

    Attributes:
        draws: random spotters, for `chance`.
        resamples: draws of games, for `intervals`.
        per_game: whether each game's score is wanted.
        other: the same games with the spots of another, for `compare`.
        name: what those are called.
    """

    draws: int | None = None
    resamples: int | None = None
    per_game: bool = False
    other: Sequence[GameResult] | None = None
    name: str = ""


def study(
    games: Sequence[GameResult],
    classes: Sequence[str],
    metrics: Sequence[str],
    framerate: int,
    asked: Asked,
) -> dict:
    """`metrics.evaluate`'s result, unchanged, with what is asked for under keys of its own.

    Returns:
        further keys: `chance` (of `chance.chance`), `intervals` (of `intervals.intervals`) and `games`: by
        name the number of `labels` and `spots` that count, and `metrics` with `a_mAP_present_classes`
        (null without labels) and `a_mAP`. Of fewer than two games there are no intervals, and a warning.
        `comparison` is `compare.compare`'s, with `other`, the name.
    """
    result = evaluate(games, classes, metrics, framerate)
    if asked.draws:
        result["chance"] = chance(games, classes, metrics, asked.draws, framerate=framerate)
    if asked.resamples or asked.per_game or asked.other is not None:
        tolerances = tolerances_of(metrics)
        rows = rows_of(metrics, tolerances)
        counts = count(games, classes, tolerances, framerate)
        if asked.resamples and len(games) > 1:
            result["intervals"] = intervals(counts, classes, rows, asked.resamples)
        if asked.resamples:
            result["warnings"] += remark_few(len(games), "intervals")
        if asked.per_game:
            result["games"] = by_game(counts, [game.name for game in games], rows)
        if asked.other is not None:
            other = count(asked.other, classes, tolerances, framerate)
            found = compare(counts, other, classes, rows, asked.resamples or RESAMPLES)
            result["comparison"] = {"other": asked.name, **found}
            result["warnings"] += remark_least_p(len(games))
    return result


def tolerances_of(metrics: Sequence[str]) -> list[int]:
    """All tolerances of some metrics, in seconds."""
    return sorted({seconds for metric in metrics for seconds in METRICS[metric]})


def rows_of(metrics: Sequence[str], tolerances: Sequence[int]) -> Rows:
    """Where the tolerances of each metric stand among all."""
    return {metric: [tolerances.index(seconds) for seconds in METRICS[metric]] for metric in metrics}


def by_game(counts: Counts, names: Sequence[str], rows: Rows) -> dict:
    """The score of each game by itself."""
    precision, labels = precisions(counts), counts.labels
    found = {metric: means(a_map_per_class(precision, some), labels) for metric, some in rows.items()}
    return {
        name: {
            "labels": int(labels[number].sum()),
            "spots": int(counts.spots[number, :, 0].sum()),
            "metrics": {
                metric: {key: _number(values[number]) for key, values in both.items()}
                for metric, both in found.items()
            },
        }
        for number, name in enumerate(names)
    }


def _number(value: float) -> float | None:
    return float(value) if value == value else None
