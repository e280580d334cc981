"""What is planned for a device's memory: against what a GPU took, and the weights that it gives."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.recipes.resolve import resolve
from comedian.training.memory import fit_in, need
from tests.training.test_accumulate import CLOSE, largest_difference, of, trained

FRAME = (224, 398)
GB = 10**9
ROWS = np.empty((400_000, 512), np.float16)
BANK = SimpleNamespace(features=ROWS, targets=ROWS)
TAKEN = [  # GB at the most, of an H100: docs/performance.md; step 3 while mixup made copies
    ("pretrain-spatial", "vivit-tiny", 1024, 40.1),
    ("distill", "vivit-tiny", 32, 33.1),
    ("finetune", "vivit-tiny", 64, 64.2),
    ("pretrain-spatial", "vivit-small", 1024, 75.4),
    ("distill", "vivit-small", 32, 59.0),
    ("finetune", "vivit-small", 32, 58.2),
    ("pretrain-spatial", "viswin-tiny", 512, 68.9),
]


@pytest.mark.parametrize(("stage", "preset", "batch", "taken"), TAKEN)
def test_what_a_gpu_took_was_reckoned_and_little_more(stage, preset, batch, taken):
    name, bank = "full" if stage == "finetune" else "optim", BANK if stage == "distill" else None
    recipe = resolve(stage, preset, [f"{name}.batch_size={batch}"])
    found = need(recipe, FRAME, name, half=True, recompute=False, bank=bank)
    assert taken <= (found.fixed + batch * found.clip) / GB <= 1.2 * taken
    assert found.of(batch) / GB >= 1.1 * taken, "with room for CUDA itself"


@pytest.mark.parametrize(("memory", "again"), [(12 * GB, True), (24 * GB, False)])
def test_a_viswin_finetune_planned_for_a_card_learns_what_the_whole_batch_does(
    inputs, a_run, memory, again
):
    plan = fit_in(memory, resolve("finetune", "viswin-tiny"), FRAME)
    assert plan.recompute == again
    parts = plan.recipe.full.accumulate
    assert need(plan.recipe, FRAME, "full", True, again).of(64 // parts) <= memory
    small = of("finetune", "viswin", accumulate=parts)
    small = replace(small, windows_per_game=parts, full=replace(small.full, batch_size=2 * parts))
    small = replace(small, head=replace(small.head, epochs=0))
    whole = replace(small, full=replace(small.full, accumulate=1))
    run = a_run("parts", recompute=plan.recompute)
    found = trained(inputs, run, "finetune", "viswin", small)
    assert largest_difference(trained(inputs, a_run("whole"), "finetune", "viswin", whole), found) <= CLOSE


def test_the_fewest_parts_that_fit_are_taken():
    recipe = resolve("distill", "vivit-small")
    for memory in (8 * GB, 24 * GB, 80 * GB):
        plan = fit_in(memory, recipe, FRAME, bank=BANK)
        parts, of_clips = plan.recipe.optim.accumulate, need(recipe, FRAME, "optim", True, False, BANK)
        assert of_clips.of(-(-32 // parts)) <= memory
        assert parts == 1 or of_clips.of(-(-32 // (parts - 1))) > memory
        assert f"optim.accumulate={parts}, " in plan.said
    assert parts == 1


def test_what_is_asked_for_stays():
    recipe = resolve("distill", "vivit-small", ["optim.accumulate=5"])
    plan = fit_in(80 * GB, recipe, FRAME, recompute=True, bank=BANK)
    assert (plan.recipe.optim.accumulate, plan.recompute) == (5, True)


def test_what_does_not_fit_is_refused_with_what_it_needs():
    with pytest.raises(InputError, match=r"^--memory: 6 GB are too little: 2 clips at once need about 8"):
        fit_in(6 * GB, resolve("finetune", "viswin-tiny"), FRAME)
    with pytest.raises(InputError, match=r"1 clip at once needs about"):
        fit_in(GB, resolve("pretrain-spatial", "vivit-tiny"), FRAME)


def test_heads_with_batch_norm_keep_a_batch_whole():
    recipe = resolve("pretrain-spatial", "vivit-tiny", ["optim.batch_size=64", 'head_norm="batch"'])
    plan = fit_in(24 * GB, recipe, FRAME)
    assert plan.recipe.optim.accumulate == 1
    with pytest.raises(InputError, match="64 clips at once need about"):
        fit_in(GB, recipe, FRAME)
