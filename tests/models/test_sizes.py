"""Sizes of the three networks: the paper's table of architectures (arXiv 2309.01270)."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from comedian.models.blocks import Block
from comedian.models.spotter import Spotter
from comedian.recipes.model import SOCCERNET_CLASSES, ModelRecipe

VIVIT_T = ModelRecipe(temporal_depth=4)
VIVIT_S = replace(VIVIT_T, embed_dim=384, num_heads=6, temporal_heads=6)
VISWIN_T = replace(VIVIT_T, backbone="viswin", patch_size=4, embed_dim=768)

# recipe, spatial parameters, temporal blocks + norm, all with 17 classes and 64 time embeddings,
# multiply-adds of 64 frames / 1e9 (the paper's "GFLOPs")
TABLE = [
    pytest.param(VIVIT_T, 5_671_872, 1_779_840, 7_467_473, 41.2, id="ViViT-T"),
    pytest.param(VIVIT_S, 21_960_576, 7_098_624, 29_090_705, 149.5, id="ViViT-S"),
    pytest.param(VISWIN_T, 27_523_962, 28_353_024, 55_939_979, 145.6, id="ViSwin-T"),
]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("recipe", "spatial", "temporal", "total", "giga"), TABLE)
def test_sizes_are_the_papers(recipe, spatial, temporal, total, giga, monkeypatch):
    whole = Block.forward  # the paper's networks make all tokens in the last block, too
    monkeypatch.setattr(Block, "forward", lambda self, x, num_queries=None: whole(self, x))
    with torch.device("meta"):
        spotter = Spotter(recipe, SOCCERNET_CLASSES).eval()
        video = torch.empty(1, 3, 64, 224, 224)
    assert count(spotter.spatial) == spatial
    assert count(spotter.temporal.blocks) + count(spotter.temporal.norm) == temporal
    assert count(spotter) == total
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        assert spotter(video).shape == (1, 32, 17)
    assert counter.get_total_flops() / 2 / 1e9 == pytest.approx(giga, rel=0.005)
