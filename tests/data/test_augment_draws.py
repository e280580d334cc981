"""How often, how far and how evenly the random views are drawn."""

import math
from dataclasses import replace

import pytest
import torch

from comedian.data.augment import draw
from comedian.recipes.augment import DISTILL_VIEW, FINETUNE_VIEW, MOCO_VIEW_1, MOCO_VIEW_2, NO_AUGMENT

MANY = 20_000
FIVE_SIGMA = 5 * 0.5 / math.sqrt(MANY)  # of a share


@pytest.mark.parametrize("recipe", [MOCO_VIEW_1, MOCO_VIEW_2, DISTILL_VIEW, FINETUNE_VIEW, NO_AUGMENT])
def test_operations_happen_as_often_as_the_recipe_says(recipe):
    draws = draw(recipe, MANY, torch.Generator().manual_seed(5))
    happened = {
        "grayscale_probability": draws.saturation == 0,
        "blur_probability": draws.blur_sigma > 0,
        "solarize_probability": draws.solarize,
        "flip_probability": draws.flip,
        "jitter_probability": draws.brightness != 1,
    }
    for name, clips_hit in happened.items():
        wanted = getattr(recipe, name)
        tolerance = FIVE_SIGMA if 0 < wanted < 1 else 0
        assert abs(clips_hit.double().mean().item() - wanted) <= tolerance, name


def assert_uniform(values, low, high):
    """Kolmogorov-Smirnov: the largest gap to the uniform distribution."""
    assert low <= values.min() <= values.max() <= high
    ranks = (torch.arange(len(values)) + 0.5) / len(values)
    gap = ((values.sort().values - low) / (high - low) - ranks).abs().max().item()
    assert gap < 2.2 / math.sqrt(len(values))  # p of about 1e-4


def test_factors_are_uniform_where_the_jitter_happens_and_neutral_elsewhere():
    recipe = replace(DISTILL_VIEW, brightness=0.8, contrast=1.5, grayscale_probability=0.0)
    draws = draw(recipe, MANY, torch.Generator().manual_seed(6))
    hit = draws.brightness != 1
    for name, low, high in (
        ("brightness", 0.2, 1.8),
        ("contrast", 0.0, 2.5),
        ("saturation", 0.6, 1.4),
        ("hue", -0.2, 0.2),
    ):
        values = getattr(draws, name)
        assert_uniform(values[hit], low - 1e-6, high + 1e-6)
        assert (values[~hit] == (0 if name == "hue" else 1)).all()
    assert_uniform(draws.blur_sigma[draws.blur_sigma > 0], 0.1, 2.0)
    together = torch.stack([draws.brightness, draws.contrast, draws.saturation, draws.hue])[:, hit]
    assert (torch.corrcoef(together) - torch.eye(4)).abs().max() < 0.05


def test_crops_are_uniform_in_area_log_ratio_and_place():
    draws = draw(MOCO_VIEW_1, MANY // 10, torch.Generator().manual_seed(7))
    scale, ratio = draws.crop_tries.flatten(0, 1).unbind(1)
    assert_uniform(scale, 0.2, 1.0)
    assert_uniform(ratio.log(), math.log(1.3275) - 1e-6, math.log(2.2125) + 1e-6)
    for place in draws.crop_place.unbind(1):
        assert_uniform(place, 0, 1)


def test_draws_are_as_many_as_clips():
    draws = draw(MOCO_VIEW_1, 7, torch.Generator())
    assert len(draws) == 7
    assert len(draws[2:5]) == 3
    assert draw(DISTILL_VIEW, 7, torch.Generator()).crop_tries.shape == (7, 0, 2)


def test_the_constants_are_the_papers():
    """Brightness, contrast, saturation, hue; then how often each operation happens."""
    rows = {
        "moco 1": (MOCO_VIEW_1, (0.4, 0.4, 0.2, 0.1), (0.8, 0.2, 1.0, 0.0, 0.5)),
        "moco 2": (MOCO_VIEW_2, (0.4, 0.4, 0.2, 0.1), (0.8, 0.2, 0.1, 0.2, 0.5)),
        "distill": (DISTILL_VIEW, (0.8, 0.8, 0.4, 0.2), (0.8, 0.2, 0.5, 0.2, 0.5)),
        "finetune": (FINETUNE_VIEW, (0.4, 0.4, 0.4, 0.0), (0.8, 0.0, 0.5, 0.0, 0.5)),
    }
    for name, (recipe, jitter, often) in rows.items():
        assert (recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue) == jitter, name
        kinds = ("jitter", "grayscale", "blur", "solarize", "flip")
        assert tuple(getattr(recipe, f"{kind}_probability") for kind in kinds) == often, name
        assert recipe.crop == name.startswith("moco")
        assert (recipe.crop_scale, recipe.crop_ratio) == ((0.2, 1.0), (1.3275, 2.2125))
        assert (recipe.blur_kernel, recipe.blur_sigma) == (23, (0.1, 2.0))
