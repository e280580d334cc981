"""Which tubelets of a window are hidden."""

import torch
from torch import Tensor


def draw_masks(batch: int, num_tokens: int, share: float, generator: torch.Generator) -> Tensor:
    """Bool (B, L), True is masked: exactly ⌊L·share⌋ tokens of each window, uniformly drawn."""
    order = torch.rand(batch, num_tokens, generator=generator).argsort(dim=1)
    return order < int(num_tokens * share)
