"""What a rehearsal cannot see: that a real card is not waited for, and how much memory a step takes."""

import pytest
import torch

from comedian.models.spotter import Spotter
from comedian.recipes.resolve import resolve
from comedian.training.accumulate import backward, parts_of
from comedian.training.finetune import FinetuneStep
from comedian.training.loop import autocast, descend
from comedian.training.memory import need
from comedian.training.optim import adamw
from tests.training.stages import generator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA, FRAME, WINDOWS = torch.device("cuda"), (224, 398), 8


@pytest.fixture
def iteration():
    """One of step 3 of ViViT-T, in so many parts, on windows that lie on the card."""
    recipe = resolve("finetune", "vivit-tiny", [f"full.batch_size={WINDOWS}"])
    step = FinetuneStep(Spotter(recipe.model, recipe.classes), recipe).to(CUDA).train()
    optimizer, precision = adamw(step, recipe.full, CUDA), autocast(CUDA, recipe.precision)
    shape = WINDOWS, recipe.model.num_frames, *FRAME, 3
    frames = torch.randint(256, shape, dtype=torch.uint8, device=CUDA)
    labels = torch.zeros(WINDOWS, recipe.model.num_tokens, len(recipe.classes), device=CUDA)
    batch = frames, labels, torch.full_like(labels, torch.nan)

    def run(parts):
        drawn = step.draw(WINDOWS, generator())
        backward(step, batch, drawn, parts_of(WINDOWS, parts, together=2), precision)
        descend(optimizer, 1e-4, 1.0)

    run(1)
    return recipe, run


def test_nothing_of_an_iteration_waits(iteration):
    _, run = iteration
    torch.cuda.set_sync_debug_mode("error")
    try:
        run(1)
        run(2)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_an_iteration_takes_what_was_reckoned(iteration, parts):
    recipe, run = iteration
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    run(parts)
    reckoned = need(recipe, FRAME, "full", half=True, recompute=False)
    expected = reckoned.fixed + WINDOWS // parts * reckoned.clip
    assert 0.7 * expected <= torch.cuda.max_memory_allocated() <= 1.05 * expected
