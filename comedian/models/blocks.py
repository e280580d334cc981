"""What the transformers share: blocks, tubelet embedding, stochastic depth, initial values.

Letters: N tubelets, D width, p patch size, h × w patches of an image.
"""

from functools import partial
from typing import Any

import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from comedian.recipes.model import TUBELET_FRAMES

LayerNorm: Any = partial(nn.LayerNorm, eps=1e-6)  # timm takes it where it says a class
INIT_STD = 0.02  # of linear layers and learned embeddings, as in ViT


class TubeletEmbed(nn.Module):
    """Cut a tubelet into patches of 2 × p × p pixels and map each to D numbers (section 3.1)."""

    def __init__(self, width: int, patch_size: int, norm: bool):
        super().__init__()
        kernel = (TUBELET_FRAMES, patch_size, patch_size)
        self.proj = nn.Conv3d(3, width, kernel, stride=kernel)
        self.norm = LayerNorm(width) if norm else nn.Identity()

    def forward(self, tubelets: Tensor) -> Tensor:
        """(N, 3, 2, H, W) to (N, h, w, D).

        The kernel covers both frames at once, so the 3-D convolution is a 2-D one over 6 channels,
        which every backend runs faster.
        """
        weight = self.proj.weight.flatten(1, 2)  # (D, 6, p, p)
        patches = F.conv2d(tubelets.flatten(1, 2), weight, self.proj.bias, self.proj.stride[1:])
        return self.norm(patches.permute(0, 2, 3, 1))


def transformer_blocks(
    width: int, depth: int, num_heads: int, mlp_ratio: float, drop_path: float
) -> nn.Sequential:
    """Pre-norm blocks with exact GELU, fused attention, and stochastic depth from 0 to `drop_path`."""
    return nn.Sequential(
        *(
            Block(width, num_heads, mlp_ratio, qkv_bias=True, drop_path=rate, norm_layer=LayerNorm)
            for rate in drop_path_rates(drop_path, depth)
        )
    )


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Chance to skip each of `depth` blocks, rising linearly from 0 to `last`."""
    return [last * block / max(depth - 1, 1) for block in range(depth)]


def init_linear(module: nn.Module) -> None:
    """For `Module.apply`: linear layers start truncated normal, with zero bias."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
