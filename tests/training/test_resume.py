"""An interrupted stage that goes on ends as if nothing had happened."""

from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from comedian.errors import InputError
from comedian.training import loop
from comedian.training.run import Run
from comedian.training.watch import TASK
from tests.training.conftest import interrupted, read_records
from tests.training.stages import CPU, DISTILL, RECIPES, SWIN, train

STEPS = {"pretrain": 5, "distill": 2, "queue": 2, "finetune": 2, "frozen": 2}  # of an epoch


@pytest.fixture(scope="session")
def whole(inputs, tmp_path_factory):
    """Weights and records of each stage, uninterrupted: whole(stage), or of another recipe and start."""
    known = {}

    def run(stage, *start):
        if (stage, *start) not in known:
            records, output = [], tmp_path_factory.mktemp("whole") / "weights"
            train(inputs, stage, Run(output, CPU, emit=records.append), *start)
            known[stage, *start] = load_file(output), [comparable(record) for record in records]
        return known[stage, *start]

    return run


def comparable(record):
    return {key: value for key, value in record.items() if key != "seconds"}


def interrupt(inputs, stage, run, after):
    """Run a stage until `after` epochs are kept; return the records."""
    records = []
    with interrupted(after):
        train(inputs, stage, replace(run, emit=lambda record: records.append(comparable(record))))
    assert not run.output.exists()
    return records


def assert_same(output, records, expected):
    weights, expected_records = expected
    found = load_file(output)
    assert records == expected_records
    assert found.keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in found.items())


@pytest.mark.parametrize(
    ("stage", "after"),
    [
        ("pretrain", 1),
        ("distill", 2),
        ("queue", 1),
        ("finetune", 1),  # within the head's epochs
        ("finetune", 2),  # between head and everything
        ("finetune", 4),
    ],
)
def test_a_resumed_stage_gives_the_same_weights_to_the_bit(inputs, a_run, whole, stage, after):
    run = a_run()
    begun = interrupt(inputs, stage, run, after)
    rest = []
    train(
        inputs,
        stage,
        replace(run, resume=True, workers=1, emit=lambda record: rest.append(comparable(record))),
    )
    assert_same(run.output, begun + rest, whole(stage))
    assert len(begun) == after
    assert not run.state_path.exists()


def start_of(inputs, stage, model):
    """Recipe and weights to start from, where they are not those that `train` takes anyway."""
    if model == "vivit":
        return ()
    if stage in ("finetune", "frozen"):
        return replace(RECIPES[stage], model=SWIN), str(inputs / "swin.safetensors")
    own = {} if stage == "pretrain" else {"copy_temporal": False}
    return replace(RECIPES[stage], model=SWIN, **own), None


@pytest.mark.parametrize("model", ["vivit", "viswin"])
@pytest.mark.parametrize("stage", list(RECIPES))
def test_a_stage_stopped_at_every_step(inputs, a_run, whole, monkeypatch, stage, model):
    """Each try does one step that is kept, and another one that is lost."""
    monkeypatch.setattr(loop, "STATE_ITERATIONS", 1)
    start, records, tasks = start_of(inputs, stage, model), [], []

    def report(task, *_):
        if task == TASK:
            tasks.append(task)
        if len(tasks) > 1:
            raise KeyboardInterrupt

    run = a_run(resume=True, report=report)
    run = replace(run, emit=lambda record: records.append(comparable(record)))
    stops = 0
    while not run.output.exists():
        tasks.clear()
        with suppress(KeyboardInterrupt):
            train(inputs, stage, run, *start)
        stops += not run.output.exists()
    assert_same(run.output, records, whole(stage, *start))
    assert stops == sum(STEPS[stage] for _ in records) - 1, "all but the last step were stopped after"


@pytest.mark.parametrize(
    ("stage", "steps"),
    [
        ("finetune", 3),  # amid the second epoch of the head
        ("distill", 5),  # amid the third epoch
    ],
)
def test_a_killed_process_is_resumed_by_another(inputs, a_run, whole, drive, stage, steps):
    run = a_run()
    assert drive(f"{stage}:{run.output}:kill={steps}") == -9
    assert run.state_path.exists()
    assert not run.output.exists()
    rest = []
    train(inputs, stage, replace(run, resume=True, emit=lambda record: rest.append(comparable(record))))
    begun = [comparable(record) for record in read_records(run.output)]
    assert len(begun) == (steps - 1) // STEPS[stage]
    assert_same(run.output, begun + rest, whole(stage))


def test_interrupted_twice(inputs, a_run, whole):
    run = a_run()
    records = interrupt(inputs, "finetune", run, 1)
    for _ in range(3):
        records += interrupt(inputs, "finetune", replace(run, resume=True), 1)
    train(
        inputs,
        "finetune",
        replace(run, resume=True, emit=lambda record: records.append(comparable(record))),
    )
    assert_same(run.output, records, whole("finetune"))


@pytest.mark.parametrize("stage", ["pretrain", "distill", "finetune"])
def test_another_seed_or_recipe_is_told(inputs, a_run, stage):
    run = a_run()
    interrupt(inputs, stage, run, 1)
    with pytest.raises(InputError, match="was begun with seed = 0, now it is 3"):
        train(inputs, stage, replace(run, resume=True, seed=3))
    other = replace(RECIPES[stage], model=replace(RECIPES[stage].model, drop_path=0.1))
    with pytest.raises(InputError, match=r"was begun with recipe.model.drop_path = 0.3, now it is 0.1"):
        train(inputs, stage, replace(run, resume=True), other)
    assert run.state_path.exists()


def test_the_state_of_another_step_is_told(inputs, a_run):
    run = a_run()
    interrupt(inputs, "pretrain", run, 1)
    with pytest.raises(InputError, match="recipe = 'PretrainSpatialRecipe', now it is 'DistillRecipe'"):
        train(inputs, "distill", replace(run, resume=True))


def test_a_state_that_was_overwritten_is_told(inputs, a_run):
    run = a_run()
    interrupt(inputs, "finetune", run, 3)
    run.state_path.write_bytes(run.state_path.read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged, or not a state to resume from; delete it"):
        train(inputs, "finetune", replace(run, resume=True))


def test_without_resume_everything_begins_anew(inputs, a_run, whole):
    run = a_run()
    interrupt(inputs, "distill", replace(run, seed=8), 2)
    records = []
    train(inputs, "distill", replace(run, emit=lambda record: records.append(comparable(record))))
    assert_same(run.output, records, whole("distill"))
    assert len(records) == DISTILL.optim.epochs


@pytest.mark.gpu
@pytest.mark.parametrize("stage", list(RECIPES))
def test_a_stage_resumes_on_the_gpu(inputs, a_run, stage):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    run = replace(a_run(), device=torch.device("cuda"))
    records = interrupt(inputs, stage, run, 1)
    train(inputs, stage, replace(run, resume=True, emit=lambda record: records.append(comparable(record))))
    expected = []
    other = replace(
        run, output=run.output.with_name("whole"), emit=lambda r: expected.append(comparable(r))
    )
    train(inputs, stage, other)
    assert [record["loss"] for record in records] == pytest.approx([r["loss"] for r in expected], rel=1e-2)
