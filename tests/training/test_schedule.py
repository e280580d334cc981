import math
from itertools import combinations

import pytest
import torch
from scipy.stats import chisquare

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


def test_learning_rate_without_warm_up_begins_at_its_peak_and_ends_at_its_share():
    optim = OptimRecipe(epochs=3, batch_size=8, base_lr=1.0, final_lr=0.01)
    rates = [learning_rate(step, 4, optim, 2.0) for step in range(13)]
    assert rates[0] == 2.0
    assert rates[6] == pytest.approx(1.01)  # half-way
    assert rates[12] == pytest.approx(0.02)  # one past the last step
    assert rates == sorted(rates, reverse=True)


def test_seeds_differ_by_every_part():
    seeds = {seed_of(run, stage, step) for run in range(3) for stage in "ab" for step in range(50)}
    assert len(seeds) == 300
    assert seed_of(1, "a", 2) == seed_of(1, "a", 2)
    assert all(0 <= seed < 2**63 for seed in seeds)


MASKED = [  # tokens, share, masked
    (64, 0.25, 16),
    (32, 0.25, 8),
    (32, 0.5, 16),
    (7, 0.5, 3),
    (3, 0.25, 0),
    (10, 0.0, 0),
    (10, 1.0, 10),
    (10, 0.7, 7),
    (100, 0.29, 29),  # 100 · 0.29 is a little less than 29
]


@pytest.mark.parametrize(("num_tokens", "share", "masked"), MASKED)
def test_masks_hold_exactly_the_share_and_favour_no_token(num_tokens, share, masked):
    masks = draw_masks(4000, num_tokens, share, torch.Generator().manual_seed(0))
    assert (masks.shape, masks.dtype) == ((4000, num_tokens), torch.bool)
    assert (masks.sum(dim=1) == masked).all()
    if masked:
        assert chisquare(masks.sum(dim=0).numpy()).pvalue > 1e-4


def test_every_set_of_tokens_is_masked_as_often():
    masks = draw_masks(6000, 6, 0.5, torch.Generator().manual_seed(1))
    found = [tuple(row.nonzero().flatten().tolist()) for row in masks]
    counts = [found.count(some) for some in combinations(range(6), 3)]
    assert sum(counts) == 6000
    assert chisquare(counts).pvalue > 1e-4
