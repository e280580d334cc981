"""Transformer blocks against timm's, and the class token alone."""

import subprocess
import sys

import pytest
import torch
from timm.models.vision_transformer import Block as TimmBlock

from comedian.models.blocks import Block, LayerNorm
from comedian.models.vivit import Spatial
from comedian.recipes.model import ModelRecipe

WIDTH, HEADS, RATIO = 96, 3, 4.0


def both(rate: float) -> tuple[Block, TimmBlock]:
    """Ours and timm's from the same draws."""
    torch.manual_seed(0)
    ours = Block(WIDTH, HEADS, RATIO, rate)
    torch.manual_seed(0)
    theirs = TimmBlock(WIDTH, HEADS, RATIO, qkv_bias=True, drop_path=rate, norm_layer=LayerNorm)
    return ours, theirs


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("training", [True, False])
def test_a_block_is_timms_to_the_bit(rate, training):
    found, x = [], torch.randn(7, 29, WIDTH)
    ours, theirs = both(rate)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for block in (ours, theirs):
        torch.manual_seed(1)
        found.append(block.train(training)(x))
    assert torch.equal(*found)


@pytest.mark.parametrize("training", [True, False])
def test_a_block_makes_the_first_tokens_alone(training):
    block, x = both(0.3)[0].train(training), torch.randn(5, 11, WIDTH)
    torch.manual_seed(1)
    whole = block(x)
    for number in (1, 4):
        torch.manual_seed(1)
        torch.testing.assert_close(block(x, number), whole[:, :number])


def test_a_spatial_transformer_makes_only_what_is_read():
    torch.manual_seed(0)
    spatial = Spatial(
        ModelRecipe(embed_dim=WIDTH, num_heads=HEADS, depth=2, image_height=32, image_width=48)
    )
    spatial, made = spatial.eval(), []
    spatial.blocks[-1].mlp.register_forward_hook(lambda _, __, out: made.append(out.shape))
    tubelets = torch.randn(3, 3, 2, 32, 48)
    tokens = spatial.encode(tubelets)
    assert made == [(3, 1, WIDTH)]
    patches = spatial.patch_embed(tubelets).flatten(1, 2)
    x = torch.cat([spatial.cls_token.expand(3, -1, -1), patches], 1) + spatial.pos_embed
    torch.testing.assert_close(tokens, spatial.norm(spatial.blocks(x))[:, 0])


def test_a_vivit_does_without_timm():
    code = "import sys, comedian.models.vivit, comedian.weights.start; sys.exit('timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
