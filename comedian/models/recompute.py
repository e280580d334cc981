"""Memory for time: of a block its input is kept, all else is computed again on the way back.

As torch.utils.checkpoint does it (arXiv 1604.06174): random states are put back first, so that stochastic
depth leaves out the same samples, and gradients are those of a block that kept everything.
"""

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from comedian.errors import InputError

BLOCKS = ("Block", "SwinTransformerBlock")  # ours, of ViViT and in time; timm's, of ViSwin


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a network of ours, in no particular order."""
    return [module for module in network.modules() if type(module).__name__ in BLOCKS]


def recompute(network: nn.Module) -> None:
    """Let the blocks of a network keep their inputs alone wherever gradients are wanted in training.

    An image model of timm (`timm:NAME`) does so by its own means.

    Raises:
        InputError: it has none.
    """
    for block in blocks_of(network):
        block.__dict__.setdefault("forward", _Recomputed(block))
    for module in network.modules():
        set_its_own: Any = getattr(module, "set_grad_checkpointing", None)
        try:
            if set_its_own is not None:
                set_its_own(True)
        except AssertionError:  # so timm says it
            what = "this image model of timm's cannot compute its blocks again"
            raise InputError(what, remedy="pass batches in parts instead") from None


class _Recomputed:
    """Forward of a block that is computed again."""

    def __init__(self, block: nn.Module):
        self.block = block

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        plain = type(self.block).forward
        if not (self.block.training and torch.is_grad_enabled()):
            return plain(self.block, *inputs, **options)
        return checkpoint(plain, self.block, *inputs, use_reentrant=False, **options)
