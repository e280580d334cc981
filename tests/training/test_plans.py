"""What a step of training would take: counted as its run does, and near what that run takes."""

from dataclasses import replace

import pytest
import torch

from comedian.formats.bank import Bank
from comedian.training import plans
from comedian.training.plans import distillation_plan, finetuning_plan, pretraining_plan
from comedian.training.run import Run
from comedian.training.trial import Tried
from comedian.training.validate import Validation
from comedian.weights.start import Start
from tests.training.stages import RECIPES, make_inputs, open_halves, some_actions, train

CPU = torch.device("cpu")


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "out" / "a.safetensors", CPU)


@pytest.fixture
def steady(monkeypatch):
    """A machine on which an iteration takes a second, and a state two."""
    tried = Tried(4, 4, 5, first=1.0, each=1.0, fixed=0.0, state_seconds=2.0, state_bytes=10**6, spent=3.0)
    monkeypatch.setattr(plans, "try_out", lambda stage, run, most: tried)


def plan_of(name: str, inputs, run, recipe=None, **more):
    halves, recipe = open_halves(inputs), recipe or RECIPES[name]
    if name == "pretrain":
        return pretraining_plan(halves, recipe, run, **more)
    if name in ("distill", "queue"):
        return distillation_plan(halves, Bank(inputs / "bank.h5"), recipe, run, **more)
    return finetuning_plan(halves, some_actions(halves), recipe, run, **more)


def test_epochs_and_iterations_are_those_of_the_run(inputs, run, steady):
    """41 seconds of three halves in batches of 8; 5 windows of two games in batches of 4."""
    found = plan_of("pretrain", inputs, run)
    assert found.steps == ["pretrain-spatial: 3 epochs of 5 iterations of 8 clips"]
    assert found.seconds == 3 * (5 + 2)
    found = plan_of("distill", inputs, run)
    assert found.steps == ["distill: 3 epochs of 2 iterations of 4 windows"]
    found = plan_of("finetune", inputs, run, start=Start(str(inputs / "distilled.safetensors")))
    assert found.steps == [
        "finetune head: 2 epochs of 2 iterations of 4 windows",
        "finetune: 3 epochs of 2 iterations of 4 windows",
    ]
    assert [part.seconds for part in found.times] == [2 * (2 + 2 + 2), 3 * (2 + 2 + 2)]
    scratch = plan_of("finetune", inputs, run)
    assert scratch.steps == ["finetune: 2 epochs of 2 iterations of 4 windows"]


def test_validation_follows_every_epoch_and_the_last(inputs, run, steady, monkeypatch):
    monkeypatch.setattr(plans, "_seconds_of_a_pass", lambda *_: 10.0)
    halves = open_halves(inputs)
    judged = Validation(halves, some_actions(halves))
    start = Start(str(inputs / "distilled.safetensors"))
    found = plan_of("finetune", inputs, run, start=start, validation=judged)
    assert found.times[-1] == ("validation", (2 + 3 + 1) * 10)


@pytest.mark.parametrize("name", ["pretrain", "distill", "queue", "finetune", "frozen"])
def test_the_files_are_as_large_as_those_of_the_run(inputs, run, name, tmp_path):
    init = {"distill": "spatial", "queue": "spatial"}.get(name, "distilled")
    start = {} if name == "pretrain" else {"start": Start(str(inputs / f"{init}.safetensors"))}
    found = plan_of(name, inputs, run, **start)
    assert not list(tmp_path.iterdir())
    run.output.parent.mkdir()
    train(inputs, name, run)
    weights, epochs = found.written
    header = 20_000  # recipe, provenance, names of the tensors
    assert 0 <= run.output.stat().st_size - weights.num_bytes < header
    assert (weights.name, epochs.name) == ("a.safetensors", "a.safetensors.epochs")
    assert run.epochs_path.stat().st_size <= epochs.num_bytes < 1000 * 10
    assert found.seconds > 0


def test_a_run_that_goes_on_needs_the_rest(inputs, run, steady):
    run.output.parent.mkdir()
    kept = []

    def stop(record: dict) -> None:
        kept.append(record)
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(inputs, "distill", replace(run, emit=stop), RECIPES["distill"])
    found = plan_of("distill", inputs, replace(run, resume=True))
    assert found.steps == ["distill: 2 epochs of 2 iterations of 4 windows"]
    assert plan_of("distill", inputs, run).seconds == 3 / 2 * found.seconds


def test_what_does_not_fit_has_no_time(inputs, run, monkeypatch):
    monkeypatch.setattr("comedian.devices.machine_bytes", lambda: 10**9)
    found = plan_of("pretrain", inputs, run)
    assert found.seconds is None
    assert "TOO LITTLE" in found.memory
    assert found.trial.startswith("none on the CPU, float32: there is no memory")
    assert "time    not known" in found.lines()


def test_frozen_tokens_are_counted_once(tmp_path, run, steady):
    inputs = tmp_path / "inputs"
    make_inputs(inputs)
    start = {"start": Start(str(inputs / "distilled.safetensors"))}
    found = plan_of("frozen", inputs, run, **start)
    assert [part.name for part in found.times] == ["encoding", "finetune frozen", "finetune"]
    frames = sum(len(file) for file in open_halves(inputs).files)
    views = 1 + RECIPES["frozen"].frozen_views
    features = frames // 2 * 12 * 2 * views
    (remark,) = found.remarks
    assert remark.startswith(f"keeps {features / 1e3:.3g} kB of features beside the frames")
    train(inputs, "frozen", replace(run, output=run.output.parent.parent / "b.safetensors"))
    again = plan_of("frozen", inputs, run, **start)
    assert (again.times[0].seconds, again.remarks) == (0, [])


def test_a_choice_of_windows_is_counted(inputs, run, steady):
    halves = open_halves(inputs)
    judged = Validation(halves, some_actions(halves))
    recipe = replace(RECIPES["finetune"], choose_spot=True)
    found = plan_of("finetune", inputs, run, recipe, validation=judged)
    assert [part.name for part in found.times] == ["finetune", "validation", "choice of windows"]
    assert found.times[-1].seconds > 0


@pytest.mark.filterwarnings("error")
def test_a_half_without_labels_can_be_tried(inputs, run, steady):
    """The first half to validate on may have none; others do."""
    halves = open_halves(inputs)
    judged = Validation(halves, [[], *some_actions(halves)[1:]])
    recipe = replace(RECIPES["finetune"], choose_spot=True)
    found = plan_of("finetune", inputs, run, recipe, validation=judged)
    assert all(part.seconds > 0 for part in found.times)
