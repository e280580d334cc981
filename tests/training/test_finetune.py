"""Step 3: its two stages, what it keeps, and the spotter it leaves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from comedian.errors import InputError
from comedian.formats.checkpoint import read_header
from comedian.formats.frames import write_frames
from comedian.models.spotter import Spotter
from comedian.spotting.sources import score_video
from comedian.training import finetune as module
from comedian.training import loop
from comedian.training.finetune import FULL_STAGE, HEAD_STAGE, finetune, plan, set_prior
from comedian.training.state import save_state
from comedian.training.validate import Validation, Verdict
from comedian.weights.load import load_spotter
from comedian.weights.start import Start
from tests.training.conftest import interrupted
from tests.training.stages import (
    CLASSES,
    FINETUNE,
    FRAME_SIZE,
    MODEL,
    open_halves,
    some_actions,
    train,
)

CURVES = {"Goal": [(0.5, 0.75, 0.25)]}


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items() if torch.is_tensor(value)}


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) for name, value in one.items()
    )


@pytest.fixture
def stages(monkeypatch):
    """What `fit` was given and made of each stage: name -> (optimiser's recipe, weights before, after)."""
    seen, real = {}, module.fit

    def watched(stage, *others):
        before = weights(stage.step)
        real(stage, *others)
        seen[stage.name] = stage.optim, before, weights(stage.step)

    monkeypatch.setattr(module, "fit", watched)
    return seen


@pytest.fixture
def calls(monkeypatch):
    """Of each forward of the spotter: whether the trunk and its blocks train, and the mask."""
    seen, real = [], Spotter.outputs

    def watched(spotter, video, mask=None):
        seen.append(({module.training for module in spotter.modules()}, mask))
        return real(spotter, video, mask)

    monkeypatch.setattr(Spotter, "outputs", watched)
    return seen


def test_the_head_stage_trains_nothing_but_the_head(inputs, a_run, stages, calls):
    train(inputs, "finetune", a_run())
    _, before, after = stages[HEAD_STAGE]
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"spotter.heads.classes.weight", "spotter.heads.classes.bias"}
    of_distilled = load_file(inputs / "distilled.safetensors")
    assert all(torch.equal(after[f"spotter.{name}"], value) for name, value in of_distilled.items())
    steps = 2 * FINETUNE.windows_per_game // FINETUNE.head.batch_size
    head, full = calls[: 2 * steps], calls[2 * steps :]
    assert all(modes == {False} and mask is None for modes, mask in head)
    assert all(modes == {True} and mask is not None for modes, mask in full)
    assert len(full) == 3 * steps


def test_everything_then_trains_from_where_the_head_stage_ended(inputs, a_run, stages):
    train(inputs, "finetune", a_run())
    (head, _, after_head), (full, before, after) = stages[HEAD_STAGE], stages[FULL_STAGE]
    assert (head, full) == (FINETUNE.head, FINETUNE.full)
    assert same(before, after_head)
    assert not any(torch.equal(value, after[name]) for name, value in before.items())


def test_optimiser_and_schedule_start_afresh(inputs, a_run, monkeypatch):
    steps, real = [], loop.adamw

    def watch(optimizer, args, kwargs):
        steps.append((optimizer, optimizer.param_groups[0]["lr"], len(optimizer.state)))

    def watched(*args):
        optimizer = real(*args)
        optimizer.register_step_pre_hook(watch)
        return optimizer

    monkeypatch.setattr(loop, "adamw", watched)
    train(inputs, "finetune", a_run())
    assert len({optimizer for optimizer, _, _ in steps}) == 2
    firsts = [position for position in range(len(steps)) if not steps[position][2]]
    assert firsts == [0, 4]  # 2 epochs of 2 steps, then 3
    peak = 0.5 * 4 / 256 * MODEL.num_frames / 64  # no warm-up
    assert [steps[position][1] for position in firsts] == pytest.approx([peak, peak])
    assert steps[3][1] < peak
    assert len(steps) == 10


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ("distilled", [("finetune head", 1), ("finetune head", 2), *(("finetune", n) for n in (1, 2, 3))]),
        ("spotter", [("finetune head", 1), ("finetune head", 2), *(("finetune", n) for n in (1, 2, 3))]),
        ("spatial", [("finetune", 1), ("finetune", 2)]),
        (None, [("finetune", 1), ("finetune", 2)]),
    ],
)
def test_the_start_decides_the_stages(inputs, a_run, init, expected):
    records = []
    start = init and str(inputs / f"{init}.safetensors")
    run = a_run(records=records)
    train(inputs, "finetune", run, init=start)
    assert [(record["stage"], record["epoch"]) for record in records] == expected
    header = load_spotter(run.output)
    assert header.classes == CLASSES


def test_a_start_without_epochs_of_the_head_goes_straight_on(inputs, a_run):
    records = []
    recipe = replace(FINETUNE, head=replace(FINETUNE.head, epochs=0))
    train(inputs, "finetune", a_run(records=records), recipe)
    assert [record["stage"] for record in records] == [FULL_STAGE] * 3


def test_from_scratch_the_second_stage_is_longer():
    assert plan(FINETUNE, distilled=True) == [(HEAD_STAGE, FINETUNE.head), (FULL_STAGE, FINETUNE.full)]
    everything = replace(FINETUNE.full, epochs=FINETUNE.scratch_epochs)
    assert plan(FINETUNE, distilled=False) == [(FULL_STAGE, everything)]


def test_a_spatial_start_is_loaded_and_the_rest_is_new(inputs, halves):
    torch.manual_seed(5)
    spotter, distilled = module.start_spotter(
        Start(str(inputs / "spatial.safetensors")), FINETUNE, halves.geometry
    )
    start = load_file(inputs / "spatial.safetensors")
    assert not distilled
    assert all(torch.equal(spotter.state_dict()[name], value) for name, value in start.items())


@pytest.fixture
def scored(inputs, a_run, monkeypatch):
    """Run finetune with given validation scores: the file's weights, records, and weights by epoch."""

    def run_with(scores):
        records, epochs, sequence = [], [], iter(scores)

        def judge(validation, spotter, device, report):
            if (score := next(sequence, None)) is None:
                return Verdict(0.0, CURVES)  # of what is kept, for its curves
            epochs.append(weights(spotter))
            spotter.eval()
            return Verdict(score, {"Goal": [(0.5, score, 0.25)]})

        monkeypatch.setattr(Validation, "judge", judge)
        run = a_run(records=records)
        train(inputs, "finetune", run)
        return weights(load_spotter(run.output)), records, epochs

    return run_with


@pytest.mark.parametrize(
    ("scores", "best", "told"),
    [
        ([0.1, 0.1, 0.2, 0.5, 0.3], 3, [1, 1, 1, 2, 2]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 4, [1, 2, 1, 2, 3]),
        ([0.0, 0.0, 0.4, 0.4, 0.4], 2, [1, 1, 1, 1, 1]),  # the first of equals
        ([0.0, 0.9, 0.4, 0.4, 0.4], 1, [1, 2, 2, 2, 2]),  # the head's second epoch
    ],
)
def test_the_best_epoch_is_kept(scored, scores, best, told):
    kept, records, epochs = scored(scores)
    assert [same(kept, epoch) for epoch in epochs] == [number == best for number in range(5)]
    assert [record["valid_tight_a_mAP"] for record in records] == scores
    assert [record["best_epoch"] for record in records] == told
    assert records[-1]["best_stage"] == (HEAD_STAGE if best < 2 else FULL_STAGE)


def test_without_validation_the_last_epoch_is_kept(inputs, halves, a_run, stages):
    run, records = a_run(), []
    finetune(halves, some_actions(halves), FINETUNE, replace(run, emit=records.append))
    after = stages[FULL_STAGE][2]
    kept = weights(load_spotter(run.output))
    assert same({f"spotter.{name}": value for name, value in kept.items()}, after)
    assert all("valid_tight_a_mAP" not in record for record in records)


@pytest.mark.parametrize("validated", [True, False])
def test_what_the_run_would_end_with_lies_beside_it(inputs, halves, a_run, monkeypatch, validated):
    """After every epoch, of either stage: the best one so far, or without validation the latest."""
    scores, epochs, kept = iter([0.1, 0.3, 0.2, 0.5, 0.4]), [], []
    run = a_run("spotter.safetensors")
    assert run.so_far_path.name == "spotter.so-far.safetensors"

    def judge(validation, spotter, device, report):
        return Verdict(score := next(scores, 0.0), {"Goal": [(0.5, score, 0.25)]})

    def look(path, place, identity, step, optimizer):
        save_state(path, place, identity, step, optimizer)
        epochs.append(weights(step.spotter))
        kept.append((weights(load_spotter(run.so_far_path)), read_header(run.so_far_path)))

    monkeypatch.setattr(Validation, "judge", judge)
    monkeypatch.setattr(loop, "save_state", look)
    actions = some_actions(halves)
    validation = Validation(halves, actions) if validated else None
    start = Start(str(inputs / "distilled.safetensors"))
    finetune(halves, actions, FINETUNE, run, start, "smoke", validation)
    best = [0, 1, 1, 3, 3] if validated else range(5)
    assert len(kept) == 5
    for (found, header), number in zip(kept, best, strict=True):
        assert same(found, epochs[number])
        assert header.recipe["preset"] == "smoke"
        assert header.classes == CLASSES
    told = [header.curves.get("Goal") for _, header in kept]
    assert told == (
        [[(0.5, score, 0.25)] for score in (0.1, 0.3, 0.3, 0.5, 0.5)] if validated else [None] * 5
    )
    assert not run.so_far_path.exists(), "in the end it would be the output"
    assert same(weights(load_spotter(run.output)), epochs[best[-1]])


def test_the_best_epoch_survives_an_interruption(inputs, a_run, monkeypatch):
    scores, epochs = iter([0.1, 0.2, 0.9, 0.3, 0.4]), []

    def judge(validation, spotter, device, report):
        if (score := next(scores, None)) is not None:
            epochs.append(weights(spotter))
        return Verdict(score or 0.0, CURVES)

    monkeypatch.setattr(Validation, "judge", judge)
    run = a_run()
    with interrupted(FINETUNE.head.epochs + 2):
        train(inputs, "finetune", run)
    train(inputs, "finetune", replace(run, resume=True))
    assert len(epochs) == 5
    assert same(weights(load_spotter(run.output)), epochs[2])


def test_the_spotter_knows_what_it_was_trained_with(inputs, halves, a_run):
    run = a_run()
    train(inputs, "finetune", run)
    spotter = load_spotter(run.output)
    assert (spotter.classes, spotter.geometry, spotter.spot) == (CLASSES, halves.geometry, FINETUNE.spot)
    assert not run.state_path.exists()


def test_a_half_shorter_than_a_window_is_told(inputs, a_run):
    recipe = replace(FINETUNE, model=replace(MODEL, num_tokens=14))
    with pytest.raises(InputError, match=r"2_224p.h5: has 25 frames, a window needs 28"):
        train(inputs, "finetune", a_run(), recipe, init=None)


def test_windows_that_cannot_be_joined_are_told_before_training(inputs, a_run):
    records = []
    recipe = replace(FINETUNE, spot=replace(FINETUNE.spot, ignored_seconds=3.0))
    with pytest.raises(InputError, match="has gaps"):
        train(inputs, "finetune", a_run(records=records), recipe)
    assert not records


def test_a_start_of_another_network_is_told(inputs, a_run):
    recipe = replace(FINETUNE, model=replace(MODEL, temporal_depth=1))
    with pytest.raises(InputError, match=r"was trained with model.temporal_depth = 2, the recipe says 1"):
        train(inputs, "finetune", a_run(), recipe)


def test_validation_on_other_frames_is_told(inputs, halves, a_run, tmp_path):
    images = np.zeros((20, 2 * FRAME_SIZE[1], 2 * FRAME_SIZE[0], 3), np.uint8)
    frames = ((number / 2, image) for number, image in enumerate(images))
    about = {"encoding": "raw", "sampling": "screen", "provenance": "{}", "half": 1, "video": "other.mkv"}
    write_frames(tmp_path / "frames" / "1_224p.h5", frames, fps=2.0, size=(40, 32), **about)
    other = open_halves(tmp_path)
    validation = Validation(other, some_actions(other))
    with pytest.raises(InputError, match="the frames to validate on are 40x32 pixels"):
        finetune(halves, some_actions(halves), FINETUNE, a_run(), validation=validation)


@pytest.mark.parametrize("prior", [0.5, 0.01])
def test_an_untrained_head_gives_its_prior(prior):
    head = torch.nn.Linear(12, 3)
    set_prior(head, prior)
    torch.testing.assert_close(head(torch.zeros(1, 12)).sigmoid(), torch.full((1, 3), prior))


@pytest.mark.parametrize("prior", [0.0, 1.0, -1.0])
def test_an_impossible_prior_is_told(prior):
    with pytest.raises(InputError, match="head_prior"):
        set_prior(torch.nn.Linear(12, 3), prior)


def test_offsets_are_trained_in_both_stages_saved_and_spotted(inputs, a_run, stages):
    recipe = replace(FINETUNE, radius_seconds=1.5, offset_reach_seconds=2.0)
    run = a_run()
    halves = open_halves(inputs)
    finetune(halves, some_actions(halves), recipe, run, Start(str(inputs / "distilled.safetensors")))
    for _, before, after in stages.values():
        for name in ("spotter.heads.offsets.weight", "spotter.heads.offsets.bias"):
            assert not torch.equal(before[name], after[name])
    spotter = load_spotter(run.output)
    assert spotter.offset_reach_seconds == 2.0
    scores = score_video(halves.files[0].path, [spotter])
    assert scores.offsets.shape == scores.probabilities.shape
    assert 0 < np.abs(scores.offsets).max() <= 2.0
