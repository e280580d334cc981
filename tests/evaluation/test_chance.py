"""Chance."""

import numpy as np
import pytest

from comedian.evaluation.cells import Cells, GameResult, put_actions
from comedian.evaluation.chance import _draw, _lengths_ms, chance
from comedian.evaluation.metrics import evaluate
from comedian.formats.actions import Action
from tests.evaluation.some_spots import CLASSES, spot


def test_chance_is_what_random_spots_score():
    rng = np.random.default_rng(1)
    games = [
        GameResult(
            f"game {number}",
            [Action(half, 300_000, "Corner") for half in (1, 2)]
            + [
                Action(half, int(at), name)
                for half in (1, 2)
                for name in CLASSES[:2]
                for at in rng.integers(0, 300_000, 20)
            ],
            [],
        )
        for number in range(2)
    ]
    counts = {"Goal": 80, "Foul": 80, "Corner": 4}
    by_hand = []
    for _ in range(60):
        spots = [[], []]
        for name, count in counts.items():
            for _ in range(count):
                half = int(rng.integers(1, 3))
                spots[rng.integers(2)].append(spot(rng.random() * 300_000, rng.random(), name, half))
        fired = [GameResult(g.name, g.actions, some) for g, some in zip(games, spots, strict=True)]
        by_hand.append(evaluate(fired, CLASSES, ("loose",))["metrics"]["loose"]["a_mAP"])
    found = chance(games, CLASSES, ("loose",), draws=60)["metrics"]["loose"]
    error = np.hypot(np.std(by_hand), found["a_mAP_std"]) / np.sqrt(60)
    assert abs(found["a_mAP"] - np.mean(by_hand)) < 4 * error
    assert found["a_mAP_std"] == pytest.approx(np.std(by_hand), rel=0.5)
    assert 0.05 < found["a_mAP"] < 0.9
    assert found == chance(games, CLASSES, ("loose",), draws=60)["metrics"]["loose"]
    assert found != chance(games, CLASSES, ("loose",), draws=60, seed=1)["metrics"]["loose"]


def test_chance_plays_in_all_halves_by_their_length():
    """A half of three quarters of the time gets three quarters of the random spots."""
    game = GameResult("g", [Action(1, 3_000_000, "Goal")], [spot(1_000_000, half=2)])
    assert _lengths_ms(game) == [3_000_000, 1_000_000]
    cells = Cells(CLASSES, 2)
    put_actions(cells, 0, [Action(1, 500 * number, "Goal") for number in range(4000)])
    drawn = _draw(cells.arrays(), np.array([3e6, 1e6]), cells, np.random.default_rng(0))
    rows, frames = np.divmod(drawn.keys, cells.stride)
    assert set(rows) == {cells.row(0, 1, 0), cells.row(0, 2, 0)}
    assert np.mean(rows == cells.row(0, 1, 0)) == pytest.approx(0.75, abs=0.05)
    assert frames[rows == rows[0]].max() < 6000
    assert frames[rows == rows[-1]].max() < 2000
