"""The score of a spotter that fires at random with the right class frequencies."""

from collections.abc import Iterable, Sequence

import numpy as np

from comedian.evaluation.cells import Arrays, Cells, GameResult, put_actions
from comedian.evaluation.metrics import METRICS, report, score
from comedian.recipes.model import SOCCERNET_CLASSES


def chance(
    games: Iterable[GameResult],
    classes: Sequence[str] = SOCCERNET_CLASSES,
    metrics: Sequence[str] = ("tight",),
    draws: int = 20,
    seed: int = 0,
    framerate: int = 2,
) -> dict:
    """Mean and deviation over `draws` random spotters.

    Each draw holds, of every class, as many spots as there are labelled actions in all games, at
    uniformly random times over all halves with uniformly random confidence. A half lasts to the last
    label or spot in it.

    Returns:
        `draws`, `seed` and, by metric, `a_mAP` (mean), `a_mAP_std`, `a_mAP_per_class` (mean) and, where
        there are labels, `a_mAP_present_classes` (mean).
    """
    cells = Cells(classes, framerate)
    lengths_ms: list[float] = []  # by half, two a game
    for number, game in enumerate(games):
        put_actions(cells, number, game.actions)
        lengths_ms += _lengths_ms(game)
    targets = cells.arrays()
    tolerances = sorted({k for metric in metrics for k in METRICS[metric]})
    rng = np.random.default_rng(seed)
    found: dict[str, list[dict]] = {metric: [] for metric in metrics}
    for _ in range(draws):
        spots = _draw(targets, np.array(lengths_ms), cells, rng)
        scored = score(targets, spots, len(classes), framerate, tolerances)
        for metric in metrics:
            found[metric].append(report(scored, classes, tolerances, METRICS[metric]))
    return {
        "draws": draws,
        "seed": seed,
        "metrics": {metric: _summary(reports, classes) for metric, reports in found.items()},
    }


def _lengths_ms(game: GameResult) -> list[float]:
    """Lengths of a game's two halves in ms: to the last label or spot."""
    lengths = {1: 0.0, 2: 0.0}
    positions = [(action.half, action.position_ms) for action in game.actions]
    for half, position_ms in positions + [(spot["half"], spot["position_ms"]) for spot in game.spots]:
        if half in lengths:
            lengths[half] = max(lengths[half], position_ms)
    return [lengths[1], lengths[2]]


def _draw(targets: Arrays, lengths_ms: np.ndarray, cells: Cells, rng: np.random.Generator) -> Arrays:
    """As many random spots of each class as there are targets, over all halves."""
    num_classes = len(cells.classes)
    classes = targets.keys // cells.stride % num_classes
    ends = np.cumsum(lengths_ms)
    moments = rng.random(len(classes)) * (ends[-1] if len(ends) else 0)
    halves = np.minimum(np.searchsorted(ends, moments, side="right"), len(ends) - 1)
    positions_ms = moments - (ends - lengths_ms)[halves]
    frames = np.minimum(cells.framerate * positions_ms // 1000, cells.num_frames - 1).astype(np.int64)
    keys = (halves * num_classes + classes) * cells.stride + frames
    keys, first = np.unique(keys, return_index=True)
    return Arrays(keys, rng.random(len(classes))[first])


def _summary(reports: list[dict], classes: Sequence[str]) -> dict:
    values = [draw["a_mAP"] for draw in reports]
    per_class = np.mean([list(draw["a_mAP_per_class"].values()) for draw in reports], axis=0)
    present = [draw["a_mAP_present_classes"] for draw in reports if "a_mAP_present_classes" in draw]
    return {
        "a_mAP": float(np.mean(values)),
        "a_mAP_std": float(np.std(values)),
        **({"a_mAP_present_classes": float(np.mean(present))} if present else {}),
        "a_mAP_per_class": dict(zip(classes, per_class.tolist(), strict=True)),
    }
