import math

import pytest
import torch

from comedian.recipes.stages import OptimRecipe
from comedian.training.masks import draw_masks
from comedian.training.schedule import learning_rate, seed_of

OPTIM = OptimRecipe(epochs=10, batch_size=8, base_lr=1.0, warmup_epochs=2, final_lr=0.01)


def test_learning_rate_is_the_closed_form():
    rates = [learning_rate(step, 5, OPTIM, 0.3) for step in range(50)]
    assert rates[:11] == pytest.approx([0.3 * step / 10 for step in range(11)])
    for step in range(10, 50):
        cosine = (1 + math.cos(math.pi * (step - 10) / 40)) / 2
        assert rates[step] == pytest.approx(0.003 + 0.297 * cosine)
    assert learning_rate(50, 5, OPTIM, 0.3) == pytest.approx(0.003)


def test_seeds_differ_by_every_part():
    seeds = {seed_of(run, stage, step) for run in range(3) for stage in "ab" for step in range(50)}
    assert len(seeds) == 300
    assert seed_of(1, "a", 2) == seed_of(1, "a", 2)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(("num_tokens", "share"), [(64, 0.25), (32, 0.25), (7, 0.5), (10, 0.0)])
def test_masks_hold_exactly_the_share_and_are_uniform(num_tokens, share):
    masks = draw_masks(4000, num_tokens, share, torch.Generator().manual_seed(0))
    assert masks.shape == (4000, num_tokens)
    assert (masks.sum(dim=1) == int(num_tokens * share)).all()
    frequency = masks.float().mean(dim=0)
    assert (frequency - int(num_tokens * share) / num_tokens).abs().max() < 0.04
