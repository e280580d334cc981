"""evaluate: all seven metrics of 100 games, 95,000 predictions; time, memory and, with real data, the bits.

Beside it an evaluator of dense arrays, one number a frame, as the official one has them. With labels and
predictions of the SoccerNet-v2 test set and the official evaluator's result for them, all numbers are
compared; --data or $SOCCERNET_TEST names a folder with `labels/`, `netvlad/` and `netvlad.official.json`.
"""

import json
import math
import os
import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from _measure import BIN, BUILD, Row, child, interleaved, keep_growth, options, table
from _spots import games

from comedian.evaluation.cells import GameResult
from comedian.evaluation.metrics import METRICS, THRESHOLDS, evaluate
from comedian.evaluation.pairing import collect, pair
from comedian.formats.soccernet import read_soccernet
from comedian.recipes.model import SOCCERNET_CLASSES

EVERYTHING = ("--metrics", ",".join(METRICS), "--quiet")


def main() -> None:
    """Time and memory, growth, bits."""
    parser = options(__doc__)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("SOCCERNET_TEST"), help="SoccerNet-v2 test set"
    )
    asked = parser.parse_args()
    number = 8 if asked.quick else 100
    cases = {f"evaluate, {number} games, {950 * number} predictions": _command(*games(BUILD, number))}
    if asked.data:
        cases["evaluate, the test set's predictions"] = _command(
            asked.data / "netvlad", asked.data / "labels"
        )
    costs(cases, asked.rounds)
    beside_dense(*games(BUILD, 2 if asked.quick else 10), asked.rounds)
    work_growth(number // 4, asked.rounds)
    print(bits(Path(asked.data)) if asked.data else "bits: not compared, no --data was given")


def costs(cases: dict[str, list], rounds: int) -> None:
    """Time and memory, start included."""
    rows = []
    for what, found in interleaved(cases, rounds, child).items():
        rows += [
            Row(what, [cost.wall_seconds for cost in found], (), "<= 1.5"),
            Row(f"{what}: memory", [cost.peak_mb for cost in found], (), "<= 150", "MB"),
        ]
    table(rows)


def work_growth(least: int, rounds: int) -> None:
    """Four and sixteen times as many games, the start taken off."""
    sizes = (1, 4, 16)
    cases = {size: _command(*games(BUILD, size * least)) for size in sizes}
    cases[0] = _command(*games(BUILD, 1))
    found = interleaved(cases, rounds, child)
    seconds = {size: median(cost.cpu_seconds for cost in costs) for size, costs in found.items()}
    keep_growth("evaluate, number of games", sizes, [seconds[size] - seconds[0] for size in sizes])


def beside_dense(results: Path, labels: Path, rounds: int) -> None:
    """The library's score of games in memory, against that of dense arrays; tight only."""
    found, _ = pair(collect(read_soccernet(results)), labels)
    cases = {
        "ours": lambda: evaluate(found)["metrics"]["tight"]["a_mAP"],
        "dense": lambda: dense_score(found),
    }
    assert math.isclose(cases["ours"](), cases["dense"]())
    seconds = interleaved(cases, rounds)
    table(
        [
            Row(
                f"tight score, {len(found)} games, against dense arrays",
                seconds["ours"],
                seconds["dense"],
                ">= 1",
            )
        ]
    )


def dense_score(found: list[GameResult]) -> float:
    """Tight a-mAP at two frames a second, where a tolerance of K seconds is K frames to each side."""
    means = [
        np.mean([dense_precision(found, label, reach) for label in SOCCERNET_CLASSES])
        for reach in range(1, 6)
    ]
    return float(np.trapezoid(means) / 4)


def dense_precision(found: list[GameResult], label: str, reach: int) -> float:
    """Average precision of one class at one tolerance."""
    num_true, num_called, num_targets = np.zeros(200), np.zeros(200), 0
    for game, half in product(found, (1, 2)):
        targets, scores = dense(game.actions, half, label), dense(game.spots, half, label)
        num_called += (scores >= THRESHOLDS[:, None]).sum(1)
        num_targets += (targets >= 0).sum()
        matched = np.full(len(scores), -1.0)
        for frame in np.flatnonzero(targets >= 0):
            start = max(0, frame - reach)
            best = start + scores[start : frame + reach + 1].argmax()
            matched[best] = max(matched[best], scores[best])
            scores[best] = -1
        num_true += (matched >= THRESHOLDS[:, None]).sum(1)
    precision, recall = num_true / np.maximum(num_called, 1), num_true / max(num_targets, 1)
    return sum(precision[recall >= level / 10].max(initial=0) for level in range(11)) / 11


def dense(events: Sequence, half: int, label: str) -> np.ndarray:
    """A number for each frame of two hours: the confidence, 1 for an action, or -1."""
    frames = np.full(7200 * 2, -1.0)
    for event in events:
        event = event if isinstance(event, dict) else event._asdict()
        if event["half"] == half and event["label"] == label:
            frames[int(2 * (event["position_ms"] / 1000))] = event.get("confidence", 1)
    return frames


def bits(data: Path) -> str:
    """How many of the official numbers ours equal."""
    ours = subprocess.run(
        _command(data / "netvlad", data / "labels"), stdout=subprocess.PIPE, check=True
    ).stdout
    official = dict(numbers(json.loads((data / "netvlad.official.json").read_text())["metrics"]))
    found = dict(numbers(json.loads(ours)["metrics"]))
    official = {place: value for place, value in official.items() if place[-1] != "seconds"}  # what it took
    equal = sum(found[place] == value for place, value in official.items())
    return f"bits: {equal} of {len(official)} official numbers equal to the last bit"


def numbers(tree: dict | list, place: tuple = ()):
    """Yield every number of nested dicts and lists with its place."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, dict | list):
            yield from numbers(value, (*place, key))
        elif isinstance(value, int | float):
            yield (*place, key), value


def _command(results: Path, labels: Path) -> list[str | Path]:
    return [BIN / "evaluate", results, "--labels", labels, *EVERYTHING]


if __name__ == "__main__":
    main()
