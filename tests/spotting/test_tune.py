"""Suppression settings that are chosen on some games and measured on others."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.evaluation.cells import GameResult
from comedian.evaluation.counts import count, means, precisions
from comedian.evaluation.metrics import METRICS, evaluate
from comedian.formats.actions import Action
from comedian.formats.lookup import Labels
from comedian.formats.scores import Scores
from comedian.formats.suppression import read_settings, settings_text
from comedian.recipes.suppression import Settings, Way
from comedian.spotting import tune as tuning
from comedian.spotting.spots import to_spots
from comedian.spotting.suppress import Suppression, by_half
from comedian.spotting.tally import tally, units_of
from comedian.spotting.tune import WAYS, notes, summary, tune

CLASSES = ("Echo", "Crowd", "Rare", "Never")
LENGTH = 400  # tokens of a half, one a second


def make_game(root: Path, number: int, halves=(1, 2)) -> list[Scores]:
    """A game whose scores and labels call for other windows, class by class.

    "Echo" has an echo 7 s behind each action, a little weaker, to be dropped by a wide window. "Crowd" has
    actions 8 s apart, which a wide window would drop, and false alarms between them.
    """
    rng = np.random.default_rng(number)
    game = root / f"l/s/game {number}"
    game.mkdir(parents=True)
    annotations, found = [], []
    for half in halves:
        scores = rng.uniform(0, 0.0009, (LENGTH, len(CLASSES))).astype(np.float32)
        echo = np.arange(20, LENGTH - 20, 40) + rng.integers(0, 5)
        crowd = np.arange(12, LENGTH - 10, 8)
        scores[echo, 0] = rng.uniform(0.4, 0.9, len(echo))
        scores[echo + 7, 0] = 0.9 * scores[echo, 0]
        scores[crowd, 1] = rng.uniform(0.5, 0.9, len(crowd))
        scores[crowd + 4, 1] = 0.35
        scores[crowd + 3, 1] = 0.05
        times = [(place, "Echo") for place in echo] + [(place, "Crowd") for place in crowd]
        if half == halves[0]:
            scores[50, 2] = 0.8
            times.append((50, "Rare"))
        annotations += [
            {"gameTime": f"{half} - 0:00", "position": str(1000 * int(place)), "label": label}
            for place, label in times
        ]
        found.append(Scores(str(game / f"{half}_224p.mkv"), half, np.arange(LENGTH, dtype=float), scores))
    (game / "Labels-v2.json").write_text(json.dumps({"annotations": annotations}))
    return found


@pytest.fixture(scope="module")
def games(tmp_path_factory) -> list[Scores]:
    root = tmp_path_factory.mktemp("games")
    return [half for number in range(4) for half in make_game(root, number)]


def known(halves, labels=None) -> Labels:
    return Labels([half.video for half in halves], labels)


def results(halves, keep: Suppression) -> list[GameResult]:
    """What the pipe of commands would score."""
    found = {}
    for half in halves:
        game = Path(half.video).parent
        labels = json.loads((game / "Labels-v2.json").read_text())["annotations"]
        actions = [Action(int(one["gameTime"][0]), int(one["position"]), one["label"]) for one in labels]
        some = found.setdefault(game, GameResult(str(game), actions, []))
        for spots in by_half(to_spots(half, CLASSES)):
            some.spots.extend(keep(spots))
    return list(found.values())


@pytest.fixture(scope="module")
def tuned(games):
    return tune(games, CLASSES, known(games))


@pytest.mark.parametrize("way", [WAYS[0], Way("hard", 3.0), Way("peak", 16.0), Way("soft", 30.0)])
def test_a_tally_is_what_the_commands_give(games, way):
    units, kind = units_of(games, known(games))
    found = tally(units, (0, 1, 2), CLASSES[:3], (way,))
    keep = Suppression(way.kind, way.window_seconds)
    expected = count(results(games, keep), CLASSES[:3], METRICS["tight"], 2)
    assert kind == "games"
    assert np.array_equal(found.true[0], expected.true)
    assert np.array_equal(found.spots[0], expected.spots)
    assert np.array_equal(found.labels, expected.labels)


def test_each_class_gets_the_window_it_needs(tuned):
    settings = tuned.settings
    assert tuned.gained
    assert settings.classes["Echo"].width_seconds > 14, "the echo comes 7 s later"
    kind, width, _ = settings.of_label("Crowd")
    assert width <= 16, (kind, width)
    assert settings.of_label("Never") == (settings.default.kind, settings.default.width_seconds, 0.001)
    assert list(settings.classes) == ["Echo", "Crowd", "Rare"]
    assert settings.classes["Rare"] == settings.default, "four labels say nothing"


def test_the_settings_do_in_the_pipe_what_was_promised(tuned, games, tmp_path):
    """They are written, read and used; a class that needed a window of its own gains."""
    (tmp_path / "settings.toml").write_text(settings_text(tuned.settings, [summary(tuned)], notes(tuned)))
    settings = read_settings(tmp_path / "settings.toml")
    assert settings == tuned.settings
    usual, own = (
        evaluate(results(games, keep), CLASSES)["metrics"]["tight"]
        for keep in (Suppression(), Suppression(settings=settings))
    )
    found = tuned.comparison["metrics"]["tight"]
    assert found["a_mAP_present_classes"]["other"] == pytest.approx(usual["a_mAP_present_classes"])
    assert own["a_mAP_per_class"]["Echo"] > usual["a_mAP_per_class"]["Echo"] + 0.1
    assert own["a_mAP_present_classes"] > usual["a_mAP_present_classes"] + 0.03


def test_higher_thresholds_drop_what_brings_nothing(tuned, games):
    """The noise is below every spot of an action."""
    assert tuned.settings.classes["Crowd"].threshold > 0.1
    assert tuned.settings.classes["Rare"].threshold == 0.001
    usual = sum(len(game.spots) for game in results(games, Suppression()))
    own = sum(len(game.spots) for game in results(games, Suppression(settings=tuned.settings)))
    assert own < usual


def test_what_a_game_gains_is_not_of_its_own_choosing(games, monkeypatch):
    """The game that a way is measured on has no part in choosing it."""
    seen = []
    choose = tuning._choose

    def watch(found, units):
        seen.append(tuple(units.tolist()))
        return choose(found, units)

    monkeypatch.setattr(tuning, "_choose", watch)
    tune(games, CLASSES, known(games))
    assert seen == [(1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2), (0, 1, 2, 3)]


def test_a_game_that_is_left_out_cannot_change_its_own_settings(games):
    units, _ = units_of(games, known(games))
    found = tally(units, (0, 1), CLASSES[:2], WAYS[:6])
    folds = np.arange(4)
    before = tuning._out_of_fold(found, folds)[0]
    found.labels[2] = 0
    found.true[:, 2] = found.true[::-1, 2]  # the best ways of game 2 are the worst
    after = tuning._out_of_fold(found, folds)[0]
    assert np.array_equal(before.spots[2], after.spots[2]), "it is suppressed as before"


def test_many_games_are_left_out_in_parts():
    folds = tuning._folds(23)
    assert sorted(np.bincount(folds).tolist()) == [4, 4, 5, 5, 5]
    assert tuning._folds(10).tolist() == list(range(10))


def test_noise_cannot_fool_it(tmp_path):
    """Scores that know nothing: the best of many ways is good where it is chosen, and out of fold less."""
    rng = np.random.default_rng(0)
    halves = []
    for number in range(3):
        halves += make_game(tmp_path, number)
    for place, half in enumerate(halves):
        scores = rng.uniform(0, 1, half.probabilities.shape).astype(np.float32)
        halves[place] = Scores(half.video, half.half, half.seconds, scores)
    units, _ = units_of(halves, known(halves))
    found = tally(units, (0, 1, 2), CLASSES[:3], WAYS)
    inside = tuning._choose(found, np.arange(3))
    labels, best = found.labels.sum(axis=0), []
    for number, way in enumerate(inside.ways):
        counts = (part[way].sum(axis=0, dtype=float)[None] for part in (found.true, found.spots))
        best.append(tuning._score(*counts, labels)[0, number])
    outside = tune(halves, CLASSES, known(halves)).comparison["metrics"]["tight"]["a_mAP_per_class"]
    assert np.mean(best) > np.mean([pair["these"] for pair in outside.values()])


def test_without_a_gain_the_usual_settings_are_given_and_that_is_said(tmp_path):
    """Every way finds the same: single spots, far apart."""
    halves = []
    for number in range(3):
        for half in make_game(tmp_path, number):
            scores = np.zeros_like(half.probabilities)
            scores[50, 2] = 0.8
            halves.append(Scores(half.video, half.half, half.seconds, scores))
    tuned = tune(halves, CLASSES, known(halves))
    assert not tuned.gained
    assert tuned.settings == Settings(Way("soft", 10.0))
    assert summary(tuned).endswith(": no gain, so these are the usual settings")


def test_one_game_is_measured_half_by_half(tmp_path):
    halves = make_game(tmp_path, 0)
    tuned = tune(halves, CLASSES, known(halves))
    assert (tuned.units, tuned.number, tuned.folds) == ("halves", 2, 2)
    assert "out of fold (2 halves, leaving out one)" in summary(tuned)
    assert tuned.remarks[0].startswith("one game: chosen on one half and measured on the other")


def test_one_half_is_refused(tmp_path):
    halves = make_game(tmp_path, 0)[:1]
    with pytest.raises(InputError, match=r"1 half has scores: .*; give scores of several games"):
        tune(halves, CLASSES, known(halves))


def test_labels_of_no_class_are_refused_and_others_said(games):
    with pytest.raises(
        InputError, match=r"no label is one of the scores' classes: 'Crowd' \(is 'crowd' meant"
    ):
        tune(games, ("echo", "crowd", "x", "y"), known(games))
    tuned = tune(games, ("Echo", "x", "y", "z"), known(games))
    assert tuned.remarks[-1] == "labels outside the scores' classes do not count: 'Crowd', 'Rare'"
    assert list(tuned.labels) == ["Echo"]


def test_halves_without_scores_do_not_count(games):
    """Their labels could not be found in any way."""
    some = [half for half in games if half.half == 1]
    tuned = tune(some, CLASSES, known(some))
    expected = results(some, Suppression())
    expected = [
        GameResult(game.name, [action for action in game.actions if action.half == 1], game.spots)
        for game in expected
    ]
    counts = count(expected, CLASSES[:3], METRICS["tight"], 2).total()
    per_class = precisions(counts).mean(axis=1)
    assert means(per_class, counts.labels)["a_mAP"].shape == (1,)
    assert tuned.labels == {
        label: sum(action.label == label for game in expected for action in game.actions)
        for label in ("Echo", "Crowd", "Rare")
    }


def test_a_gain_that_may_be_chance_is_called_so(tuned):
    assert "chance" not in summary(tuned)
    tuned = deepcopy(tuned)
    tuned.comparison["metrics"]["tight"]["a_mAP_present_classes"]["interval"] = [-0.01, 0.2]
    assert summary(tuned).endswith(": which may be chance")


def test_the_same_again(games, tuned):
    assert tune(games, CLASSES, known(games)) == tuned


def test_progress_is_reported(games):
    steps = []
    tune(games[:4], CLASSES, known(games[:4]), report=lambda task, done, total: steps.append((done, total)))
    assert steps[-1] == (2 * len(WAYS), 2 * len(WAYS))
