"""Which tubelets of a window are hidden."""

import math

import torch
from torch import Tensor

ROUNDING = 1e-9  # 100 · 0.29 is 28.999999999999996


def draw_masks(batch: int, num_tokens: int, share: float, generator: torch.Generator) -> Tensor:
    """Bool (B, L), True is masked: exactly ⌊L·share⌋ tokens of each window, uniformly drawn."""
    order = torch.rand(batch, num_tokens, generator=generator).argsort(dim=1)
    return order < num_masked(num_tokens, share)


def num_masked(num_tokens: int, share: float) -> int:
    """How many tokens of a window are masked."""
    return math.floor(num_tokens * share + ROUNDING)
