"""What stands beside the official score: games one by one, intervals, classes of the labels."""

import json
import random

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.evaluation.cells import GameResult
from comedian.evaluation.classes import classes_of
from comedian.evaluation.counts import a_map_per_class, count, precisions
from comedian.evaluation.intervals import intervals
from comedian.evaluation.metrics import METRICS, evaluate
from comedian.evaluation.study import Asked, rows_of, study, tolerances_of
from comedian.formats.actions import Action
from comedian.recipes.model import SOCCERNET_CLASSES
from tests.evaluation.some_spots import CLASSES, spot


def some_games(number: int, seed: int = 0, skill: float = 0.7) -> list[GameResult]:
    """Games of which a share of the actions is spotted, among false alarms."""
    rng = random.Random(seed)
    games = []
    for name in range(number):
        actions = [
            Action(rng.randint(1, 2), rng.randrange(300_000), rng.choice(CLASSES)) for _ in range(12)
        ]
        spots = [
            spot(
                max(0, action.position_ms + rng.randint(-900, 900)), rng.random(), action.label, action.half
            )
            for action in actions
            if rng.random() < skill
        ]
        spots += [
            spot(rng.randrange(300_000), rng.random() / 2, rng.choice(CLASSES), rng.randint(1, 2))
            for _ in range(10)
        ]
        games.append(GameResult(f"game {name}", actions, spots))
    return games


@pytest.mark.parametrize("framerate", [1, 2, 25])
def test_counts_of_games_add_up_to_the_official_score(framerate):
    """To the last bit, of all games, of some, and of games that are taken twice."""
    games = some_games(6)
    metrics = ("tight", "loose", "at2")
    tolerances = tolerances_of(metrics)
    counts = count(games, CLASSES, tolerances, framerate)
    for taken in ([1, 1, 1, 1, 1, 1], [0, 1, 0, 0, 1, 0], [2, 0, 0, 1, 0, 3]):
        again = [game for game, times in zip(games, taken, strict=True) for _ in range(times)]
        expected = evaluate(again, CLASSES, metrics, framerate)["metrics"]
        precision = precisions(counts.weighted(np.array([taken])))[0]
        for metric, rows in rows_of(metrics, tolerances).items():
            found = dict(zip(CLASSES, a_map_per_class(precision, rows).tolist(), strict=True))
            assert found == expected[metric]["a_mAP_per_class"]


def test_the_official_numbers_do_not_change_by_what_stands_beside():
    games = some_games(3)
    found = study(games, CLASSES, tuple(METRICS), 2, Asked(2, 100, True))
    expected = evaluate(games, CLASSES, tuple(METRICS), 2)
    assert found["metrics"] == expected["metrics"]
    assert set(found) - set(expected) == {"chance", "intervals", "games"}
    assert found["warnings"] == [*expected["warnings"], "intervals over 3 games are rough; take 10 or more"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert study(games, CLASSES, ("tight",), 2, Asked()) == evaluate(games, CLASSES)


def test_each_game_is_scored_as_if_alone():
    games = [*some_games(3), GameResult("bare", [], [spot(0)])]
    found = study(games, CLASSES, ("tight", "at1"), 2, Asked(per_game=True))["games"]
    assert list(found) == ["game 0", "game 1", "game 2", "bare"]
    for game in games[:3]:
        alone = evaluate([game], CLASSES, ("tight", "at1"))["metrics"]
        for metric in alone:
            assert found[game.name]["metrics"][metric] == pytest.approx(
                {key: alone[metric][key] for key in ("a_mAP", "a_mAP_present_classes")}
            )
    assert found["bare"] == {
        "labels": 0,
        "spots": 1,
        "metrics": {key: {"a_mAP_present_classes": None, "a_mAP": 0} for key in ("tight", "at1")},
    }


def test_intervals_hold_the_score_and_shrink_with_more_games():
    widths = []
    for number in (8, 64):
        games = some_games(number)
        counts = count(games, CLASSES, METRICS["tight"], 2)
        found = intervals(counts, CLASSES, {"tight": range(5)}, 300)["metrics"]["tight"]
        score = evaluate(games, CLASSES)["metrics"]["tight"]
        for key in ("a_mAP", "a_mAP_present_classes"):
            low, high = found[key]
            assert low < score[key] < high
        widths.append(high - low)
    assert widths[1] < 0.6 * widths[0], "eight times the games, about a third of the width"


def test_intervals_are_those_of_the_plain_bootstrap():
    """Games are drawn and scored by the official function, one draw after the other."""
    games = some_games(5)
    counts = count(games, CLASSES, METRICS["tight"], 2)
    found = intervals(counts, CLASSES, {"tight": range(5)}, 200, seed=3)["metrics"]["tight"]
    rng = np.random.default_rng(3)
    drawn = []
    while len(drawn) < 200:
        for row in rng.integers(5, size=(50, 5)):
            drawn.append(evaluate([games[i] for i in row], CLASSES)["metrics"]["tight"]["a_mAP"])
    assert found["a_mAP"] == pytest.approx(np.percentile(drawn, [2.5, 97.5]).tolist())


def test_a_class_without_labels_has_no_interval():
    actions = [Action(1, 0, "Goal")]
    games = [GameResult(str(n), actions, [spot(0)]) for n in range(3)]
    found = study(games, CLASSES, ("tight",), 2, Asked(resamples=100))["intervals"]["metrics"]["tight"]
    assert found["a_mAP_per_class"] == {"Goal": [1.0, 1.0], "Foul": None, "Corner": None}


def test_draws_are_the_same_for_the_same_seed():
    counts = count(some_games(5), CLASSES, METRICS["tight"], 2)
    one, same, other = (intervals(counts, CLASSES, {"tight": range(5)}, 100, seed) for seed in (0, 0, 1))
    assert one == same
    assert one["metrics"] != other["metrics"]
    assert (one["resamples"], one["seed"], one["level"]) == (100, 0, 0.95)


@pytest.mark.parametrize(("number", "there"), [(0, "are 0"), (1, "is 1")])
def test_a_single_game_has_no_interval(number, there):
    games = some_games(number)
    found = study(games, CLASSES, ("tight",), 2, Asked(resamples=100, per_game=True))
    what = f"no intervals: they need two games or more, there {there}"
    assert what in found["warnings"]
    assert "intervals" not in found
    assert len(found["games"]) == number
    counts = count(games, CLASSES, METRICS["tight"], 2)
    with pytest.raises(InputError, match=f"{what}; score more games"):
        intervals(counts, CLASSES, {"tight": range(5)})


# --- classes --------------------------------------------------------------------------------------


def game_of(*labels):
    return [GameResult("g", [Action(1, 0, label) for label in labels], [])]


def test_labels_without_a_class_of_soccernet_bring_their_own():
    assert classes_of(game_of("serve", "bounce", "serve")) == (
        ("bounce", "serve"),
        ["no label is one of SoccerNet's classes; the labels' own count, 2 classes: bounce, serve"],
    )


@pytest.mark.parametrize("labels", [(), ("Goal",), ("Goal", "serve")])
def test_otherwise_they_are_soccernets(labels):
    assert classes_of(game_of(*labels)) == (SOCCERNET_CLASSES, [])


def test_classes_that_somebody_named_count():
    assert classes_of(game_of("serve"), ("bounce",)) == (("bounce",), [])
