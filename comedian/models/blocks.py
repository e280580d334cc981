"""What the transformers share: blocks, tubelet embedding, stochastic depth, initial values.

Blocks are those of ViT (arXiv 2010.11929) in torch alone: timm, after which parameters are named, takes
seconds to import.

Letters: N tubelets or windows, L tokens of each, D width, p patch size, h × w patches of an image.
"""

from functools import partial
from typing import Any

import torch.nn.functional as F
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


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, num_queries: int | None = None) -> Tensor:
        """(N, L, D) to what its first `num_queries` tokens, or all, read, (N, Q, D)."""
        qkv = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)  # (N, heads, L, D / heads) each
        read = F.scaled_dot_product_attention(query[:, :, :num_queries], key, value)
        return self.proj(read.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers around an exact GELU, (..., D) to (..., D)."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Each token for itself."""
        return self.fc2(F.gelu(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): in training a sample's branch is left out with a chance."""

    def __init__(self, drop_prob: float):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) to the same, what stays divided by its chance to stay."""
        if not self.training or self.drop_prob == 0:
            return x
        kept = 1 - self.drop_prob
        return x * x.new_empty(len(x), *[1] * (x.ndim - 1)).bernoulli_(kept).div_(kept)


class Block(nn.Module):
    """Pre-norm attention and MLP, each beside a residual path."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, drop_path: float):
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.attn = Attention(width, num_heads)
        self.drop_path1 = DropPath(drop_path)
        self.norm2 = LayerNorm(width)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.drop_path2 = DropPath(drop_path)

    def forward(self, x: Tensor, num_queries: int | None = None) -> Tensor:
        """(N, L, D) to its first `num_queries` tokens, or all, (N, Q, D): the others need not be made."""
        x = x[:, :num_queries] + self.drop_path1(self.attn(self.norm1(x), num_queries))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


def transformer_blocks(
    width: int, depth: int, num_heads: int, mlp_ratio: float, drop_path: float
) -> nn.Sequential:
    """Pre-norm blocks with exact GELU, fused attention, and stochastic depth from 0 to `drop_path`."""
    return nn.Sequential(
        *(Block(width, num_heads, mlp_ratio, rate) for rate in drop_path_rates(drop_path, depth))
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
