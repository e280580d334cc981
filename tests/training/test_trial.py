"""A trial of a stage: real batches, at a rate of 0, as many clips as there is time and memory for."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from comedian.training import distill, finetune, pretrain_spatial, trial
from comedian.training.loop import fit
from comedian.training.run import Run
from comedian.training.targets import targets_of
from comedian.training.trial import Tried, try_out
from comedian.weights.start import Start
from tests.training.stages import RECIPES, open_halves, some_actions

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However busy the machine is, there is time for the whole batch."""
    monkeypatch.setattr(trial, "WHOLE_SECONDS", 1e6)


@pytest.fixture
def stage(inputs, tmp_path):
    """stage(name): a stage of the tiny inputs, and its run."""
    halves, run = open_halves(inputs), Run(tmp_path / "a.safetensors", CPU)

    def of(name: str):
        recipe = RECIPES[name]
        if name == "pretrain":
            return pretrain_spatial.prepare(halves, recipe, run, Start()), run
        if name in ("distill", "queue"):
            from comedian.formats.bank import Bank

            return distill.prepare(halves, Bank(inputs / "bank.h5"), recipe, run, Start()), run
        step, stages, _ = finetune.prepare(halves, some_actions(halves), recipe, run, Start(), None)
        pairs = zip(halves.files, some_actions(halves), strict=True)
        targets = [targets_of(file, some, recipe) for file, some in pairs]
        return finetune.stage_of(*stages[0][:1], step, stages[0][1], halves, targets, run), run

    return of


@pytest.mark.parametrize("name", ["pretrain", "distill", "queue", "finetune"])
def test_the_whole_batch_passes_and_no_weight_moves(stage, name, tmp_path):
    one, run = stage(name)
    before = {key: value.clone() for key, value in one.step.named_parameters() if "twin" not in key}
    with one.epochs:
        found = try_out(one, run, most=1000)
    assert (found.clips, found.share) == (one.optim.batch_size, one.optim.batch_size)
    assert found.iterations >= trial.FEWEST
    assert 0 < found.each < found.spent
    after = dict(one.step.named_parameters())
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not list(Path(tmp_path).iterdir())


def test_memory_limits_the_clips(stage):
    one, run = stage("pretrain")
    with one.epochs:
        assert try_out(one, run, most=4).clips == 4
        assert try_out(one, run, most=1).clips == 1


def test_pairs_stay_together(stage):
    one, run = stage("finetune")
    assert one.together == 2
    with one.epochs:
        assert try_out(one, run, most=3).clips == 2


def test_one_slow_iteration_is_enough(stage, monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(trial, "WHOLE_SECONDS", 0.0)
    one, run = stage("pretrain")
    with one.epochs:
        found = try_out(one, run, most=1000)
    assert (found.clips, found.iterations) == (1, 1)
    assert found.first == found.each


def test_parts_pass_apart(stage, monkeypatch):
    one, run = stage("finetune")
    seen, real = [], trial.backward

    def noted(model, batch, drawn, parts, precision):
        seen.append(parts)
        return real(model, batch, drawn, parts, precision)

    monkeypatch.setattr(trial, "backward", noted)
    one = one._replace(optim=replace(one.optim, accumulate=2))
    with one.epochs:
        try_out(one, run, most=1000)
    assert seen[-1] == [slice(0, 2), slice(2, 4)]


def test_an_epoch_by_hand():
    """Half of the batch passed: 5 s for the first iteration, 2 s for others; three states of 7 s."""
    found = Tried(4, 8, 10, first=2.5, each=1.0, fixed=0.0, state_seconds=7.0, state_bytes=1, spent=1.0)
    assert found.epoch(1) == 5 + 7
    assert found.epoch(501) == 5 + 500 * 2 + 3 * 7
    fixed = replace(found, fixed=0.5)
    assert fixed.epoch(1) == 4.5 + 7
    assert fixed.epoch(501) == 4.5 + 500 * 1.5 + 3 * 7


def test_what_does_not_grow_with_the_clips():
    """By hand: 2 clips take 3 s and 10 take 7, so that a clip takes 0.5 and everything else 2."""
    assert trial._fixed(2, ([3.0], [3.0]), 10, ([7.0], [7.0])) == 2
    assert trial._fixed(2, ([3.0], []), 2, ([3.0], [])) == 0
    assert trial._fixed(2, ([3.0], []), 10, ([2.0], [])) == 2, "a busy moment: no clip takes less than none"


def test_the_state_is_as_large_as_its_file(stage, inputs):
    one, run = stage("distill")
    sizes = []
    run = replace(run, emit=lambda record: None)
    with one.epochs:
        found = try_out(one, run, most=1000)

    def noted(epoch: int) -> dict:
        if run.state_path.exists():
            sizes.append(run.state_path.stat().st_size)
        return {}

    with stage("distill")[0].epochs as epochs:
        fit(stage("distill")[0]._replace(epochs=epochs), run, noted)
    assert found.state_bytes == pytest.approx(sizes[-1], rel=0.1)


def test_a_full_disk_is_no_end(stage, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    one, run = stage("distill")
    with one.epochs:
        found = try_out(one, run, most=1000)
        monkeypatch.setattr(trial, "TemporaryFile", full)
        assert try_out(one, run, most=1000).state_bytes == pytest.approx(found.state_bytes, rel=0.01)
    assert list(tmp_path.iterdir()) == []
