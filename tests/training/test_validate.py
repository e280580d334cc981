"""The validation score: the official one, over games of several halves."""

import numpy as np
import pytest
import torch

from comedian.formats.actions import Action
from comedian.models.spotter import Spotter
from comedian.spotting.sliding import Scores
from comedian.training import validate as module
from comedian.training.validate import Validation
from tests.training.stages import CLASSES, CPU, FINETUNE, MODEL, some_actions


@pytest.fixture
def spotter(halves):
    torch.manual_seed(0)
    spotter = Spotter(MODEL, CLASSES)
    torch.nn.init.normal_(spotter.heads.classes.weight)
    spotter.geometry, spotter.spot = halves.geometry, FINETUNE.spot
    return spotter


def foresee(halves, actions, monkeypatch, late_seconds=0.0):
    """Let the scores be certain where the actions of each half are."""

    def perfect(file):
        seconds = np.arange(len(file) // 2) + 0.25
        probabilities = np.full((len(seconds), len(CLASSES)), 1e-4, np.float32)
        for action in actions[[half.path for half in halves.files].index(file.path)]:
            token = np.abs(seconds - action.position_ms / 1000 - late_seconds).argmin()
            probabilities[token, CLASSES.index(action.label)] = 0.9
        return Scores(str(file.video), file.half, seconds, probabilities)

    monkeypatch.setattr(module, "stream_frames", lambda file: file)
    monkeypatch.setattr(module, "score_stream", lambda file, *others: [perfect(file)])


def test_all_actions_found_is_a_score_of_one(halves, spotter, monkeypatch):
    actions = some_actions(halves)
    foresee(halves, actions, monkeypatch)
    assert Validation(halves, actions).judge(spotter, CPU).score == pytest.approx(1.0)


def test_spots_that_are_late_score_less(halves, spotter, monkeypatch):
    actions = [[Action(file.half, 3000, label) for label in CLASSES] for file in halves.files]
    scores = []
    for late_seconds in (0.0, 1.5, 2.2, 8.0):
        foresee(halves, actions, monkeypatch, late_seconds)
        scores.append(Validation(halves, actions).judge(spotter, CPU).score)
    assert scores[0] == pytest.approx(1.0)
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 4
    assert scores[-1] == 0


def test_halves_of_a_game_are_told_apart(halves, spotter, monkeypatch):
    """What is foreseen for one half is true of the other."""
    actions = [[Action(file.half, 3000 + 4000 * file.half, "Goal")] for file in halves.files]
    foresee(halves, [actions[1], actions[0], actions[2]], monkeypatch)
    assert 0 < Validation(halves, actions).judge(spotter, CPU).score < 0.7  # game b alone is right


def test_a_real_spotter_is_scored_in_eval_mode_and_left_as_it_was(halves, spotter):
    before = {name: value.clone() for name, value in spotter.state_dict().items()}
    validation = Validation(halves, some_actions(halves))
    scores = [validation.judge(spotter.train(), CPU).score for _ in range(2)]
    assert scores[0] == scores[1]  # no stochastic depth
    assert 0 < scores[0] < 1
    assert all(torch.equal(value, before[name]) for name, value in spotter.state_dict().items())


def test_processes_share_the_halves(halves, spotter, monkeypatch):
    validation = Validation(halves, some_actions(halves))
    alone, found, scored = validation.judge(spotter, CPU).score, [], []
    monkeypatch.setattr(module.distributed, "world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(module.distributed, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(module.distributed, "gather_lists", lambda mine: found.append(mine) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            validation.judge(spotter, CPU)
    scored = [[half for half, _ in mine] for mine in found]
    assert scored == [[0, 2], [1]]
    monkeypatch.setattr(module.distributed, "gather_lists", lambda mine: [*found[0], *found[1]])
    assert validation.judge(spotter, CPU).score == alone
