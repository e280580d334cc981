"""Batches in parts, and blocks computed again: the weights are those of whole batches that kept all."""

from dataclasses import replace

import pytest
import torch

from comedian.errors import InputError
from comedian.formats.checkpoint import load_checkpoint
from comedian.models import recompute
from comedian.training.accumulate import parts_of
from comedian.training.pretrain_spatial import MocoStep
from tests.training.conftest import interrupted
from tests.training.stages import FINETUNE, RECIPES, SWIN, calm, train

STAGES = ("pretrain", "distill", "queue", "finetune")
NETWORKS = {"vivit": FINETUNE.model, "viswin": SWIN}
CLOSE = 1e-5


def of(stage, network="vivit", accumulate=1, still=True):
    """A stage's recipe for one of the networks, its batches in parts; still is without stochastic depth."""
    recipe = replace(RECIPES[stage], model=NETWORKS[network])
    recipe = calm(recipe) if still else recipe
    if network == "viswin" and stage != "finetune" and hasattr(recipe, "copy_temporal"):
        recipe = replace(recipe, copy_temporal=False)
    for name in vars(recipe).keys() & {"optim", "head", "full"}:
        recipe = replace(recipe, **{name: replace(getattr(recipe, name), accumulate=accumulate)})
    return recipe


def trained(inputs, run, stage, network, recipe):
    """Weights after a whole run, by name."""
    start = {"pretrain": None}.get(stage, str(inputs / "swin.safetensors"))
    train(inputs, stage, run, recipe, "default" if network == "vivit" else start)
    kind = {"pretrain": "spatial", "finetune": "spotter"}.get(stage, "distilled")
    return load_checkpoint(run.output, kind).tensors


def largest_difference(some, others):
    assert some.keys() == others.keys()
    return max((some[name] - others[name]).abs().max().item() for name in some)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("stage", STAGES)
def test_parts_and_recomputation_give_the_weights_of_the_whole(inputs, a_run, stage, network):
    whole = trained(inputs, a_run("whole"), stage, network, of(stage, network))
    start = trained(inputs, a_run("other", seed=1), stage, network, of(stage, network))
    assert largest_difference(whole, start) > 1e-3, "training changes something"
    for name, accumulate, again in (("parts", 2, False), ("again", 1, True), ("both", 2, True)):
        run = a_run(name, recompute=again)
        found = trained(inputs, run, stage, network, of(stage, network, accumulate))
        assert largest_difference(whole, found) <= CLOSE, name


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_block_computed_again_leaves_out_the_same_samples(inputs, a_run, stage, network):
    recipe = of(stage, network, still=False)
    whole = trained(inputs, a_run("whole"), stage, network, recipe)
    again = trained(inputs, a_run("again", recompute=True), stage, network, recipe)
    assert all(torch.equal(value, again[name]) for name, value in whole.items())


def test_blocks_are_computed_again_only_where_gradients_are_wanted(inputs, a_run, monkeypatch):
    seen, real = [], recompute.checkpoint
    monkeypatch.setattr(
        recompute, "checkpoint", lambda *args, **kwargs: seen.append(args[1]) or real(*args, **kwargs)
    )
    trained(
        inputs,
        a_run(recompute=True),
        "finetune",
        "vivit",
        replace(of("finetune"), full=of("finetune").head),
    )
    steps = of("finetune").head.epochs * (2 * FINETUNE.windows_per_game // FINETUNE.head.batch_size)
    assert len(seen) == steps * (2 + 2), "once a block and step of the second stage; not for the head"


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_in_parts_resumes(inputs, a_run, stage):
    recipe = of(stage, accumulate=2, still=False)
    whole = trained(inputs, a_run("whole"), stage, "vivit", recipe)
    run = a_run("stopped")
    with interrupted(2):
        trained(inputs, run, stage, "vivit", recipe)
    resumed = trained(inputs, replace(run, resume=True), stage, "vivit", recipe)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_another_number_of_parts_may_go_on_with_a_run(inputs, a_run):
    run = a_run()
    with interrupted(2):
        trained(inputs, run, "distill", "vivit", of("distill"))
    resumed = trained(inputs, replace(run, resume=True), "distill", "vivit", of("distill", accumulate=4))
    whole = trained(inputs, a_run("whole"), "distill", "vivit", of("distill"))
    assert largest_difference(whole, resumed) <= CLOSE


def test_twin_and_queue_move_once_a_step(inputs, a_run, monkeypatch):
    pushed, after = [], MocoStep.after_iteration

    def watched(step, number, total):
        pushed.append([len(keys[0]) for keys in step.keys])
        after(step, number, total)

    monkeypatch.setattr(MocoStep, "after_iteration", watched)
    trained(inputs, a_run(), "pretrain", "vivit", of("pretrain", accumulate=3))
    assert pushed == [[2, 3, 3]] * 15


def test_parts_cover_a_batch_and_keep_neighbours_together():
    assert parts_of(8, 1) == [slice(0, 8)]
    assert parts_of(8, 3) == [slice(0, 2), slice(2, 5), slice(5, 8)]
    assert parts_of(8, 3, together=2) == [slice(0, 2), slice(2, 4), slice(4, 8)]
    assert parts_of(7, 4, together=2) == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)]
    for batch in range(1, 20):
        for number in range(1, (batch + 1) // 2 + 1):
            parts = parts_of(batch, number, together=2)
            assert [row for part in parts for row in range(batch)[part]] == list(range(batch))
            assert all(part.start % 2 == 0 and part.stop > part.start for part in parts)


def test_too_many_parts_are_told_before_training(inputs, a_run):
    words = "a process's 8 clips cannot be passed in 9 parts; lower accumulate to 8"
    with pytest.raises(InputError, match=words):
        train(inputs, "pretrain", a_run(), of("pretrain", accumulate=9))
    words = (
        "a process's 4 clips, 2 of which stay together, cannot be passed in 3 parts; lower accumulate to 2"
    )
    with pytest.raises(InputError, match=words):
        train(inputs, "finetune", a_run(), of("finetune", accumulate=3))
