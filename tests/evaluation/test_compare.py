"""Two spotters on the same games."""

from itertools import product

import numpy as np
import pytest

from comedian.evaluation.cells import GameResult
from comedian.evaluation.compare import compare, remark_least_p
from comedian.evaluation.counts import count
from comedian.evaluation.metrics import METRICS, evaluate
from tests.evaluation.some_spots import CLASSES
from tests.evaluation.test_study import some_games

TIGHT = {"tight": range(5)}


def alike(number: int, seed: int, skills=(0.7, 0.7)) -> tuple[list[GameResult], list[GameResult]]:
    """The same games, spotted twice."""
    games = some_games(number, seed, skills[0])
    others = some_games(number, seed + 10**6, skills[1])
    rng = np.random.default_rng(seed)
    spotted = []
    for game, other in zip(games, others, strict=True):
        kept = [
            {**action_spot(action), "confidence": float(rng.random())}
            for action in game.actions
            if rng.random() < skills[1]
        ]
        spotted.append(GameResult(game.name, game.actions, kept + other.spots[-10:]))
    first = []
    for game in games:
        kept = [
            {**action_spot(action), "confidence": float(rng.random())}
            for action in game.actions
            if rng.random() < skills[0]
        ]
        first.append(GameResult(game.name, game.actions, kept + game.spots[-10:]))
    return first, spotted


def action_spot(action) -> dict:
    return {"half": action.half, "position_ms": action.position_ms, "label": action.label}


def compared(these, other, **options):
    counts = [count(games, CLASSES, METRICS["tight"], 2) for games in (these, other)]
    return compare(*counts, CLASSES, TIGHT, **options)


def score(games) -> float:
    return evaluate(games, CLASSES)["metrics"]["tight"]["a_mAP_present_classes"]


def test_the_numbers_are_the_official_ones():
    these, other = alike(4, 0)
    found = compared(these, other)["metrics"]["tight"]
    mean = found["a_mAP_present_classes"]
    assert (mean["these"], mean["other"]) == pytest.approx((score(these), score(other)))
    assert mean["difference"] == pytest.approx(score(these) - score(other))
    expected = [evaluate(games, CLASSES)["metrics"]["tight"] for games in (these, other)]
    for label, pair in found["a_mAP_per_class"].items():
        assert [pair["these"], pair["other"]] == [part["a_mAP_per_class"][label] for part in expected]
    assert [found["a_mAP"][key] for key in ("these", "other")] == pytest.approx(
        [part["a_mAP"] for part in expected]
    )


def test_p_is_the_share_of_all_swaps():
    """Each swap is made, and scored by the official function."""
    these, other = alike(5, 3)
    seen = abs(score(these) - score(other))
    as_large = 0
    for kept in product((True, False), repeat=5):
        one = [a if keep else b for a, b, keep in zip(these, other, kept, strict=True)]
        two = [b if keep else a for a, b, keep in zip(these, other, kept, strict=True)]
        as_large += abs(score(one) - score(two)) >= seen - 1e-12
    found = compared(these, other)
    assert found["metrics"]["tight"]["p"] == as_large / 32
    assert found["test"] == "paired permutation test, all 32 swaps of games between both"


def test_the_better_one_is_told_from_chance():
    found = compared(*alike(30, 0, (0.9, 0.5)), resamples=200, swaps=300)["metrics"]["tight"]
    assert found["p"] == 1 / 301
    low, high = found["a_mAP_present_classes"]["interval"]
    assert 0 < low < found["a_mAP_present_classes"]["difference"] < high


def test_alike_ones_are_called_different_in_one_case_of_twenty():
    """p is uniform where nothing differs but chance."""
    values = [
        compared(*alike(12, seed), resamples=2, swaps=99)["metrics"]["tight"]["p"] for seed in range(80)
    ]
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) <= 0.1) < 0.25


def test_the_same_spots_do_not_differ():
    these, _ = alike(5, 1)
    found = compared(these, these)["metrics"]["tight"]
    assert found["p"] == 1
    assert found["a_mAP"]["difference"] == 0
    assert found["a_mAP"]["interval"] == [0, 0]


def test_few_games_tell_little():
    these, other = alike(1, 0)
    found = compared(these, other)["metrics"]["tight"]
    assert (found["p"], found["a_mAP"]["interval"]) == (1, None)
    assert remark_least_p(3) == ["with 3 games no p can be below 0.25"]
    assert remark_least_p(1) == ["with 1 game no p can be below 1"]
    assert remark_least_p(6) == []


def test_without_labels_there_is_nothing_to_compare():
    games = [GameResult("g", [], [])]
    found = compared(games, games)["metrics"]["tight"]
    assert found["p"] is None
    assert found["a_mAP_present_classes"]["these"] is None
    assert compared([], [])["metrics"]["tight"]["p"] is None
