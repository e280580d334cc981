"""Heads of the self-supervised steps: linear layers with exact GELU between, no norm layers (ref).

Letters: D width of a token, K width of the compared vectors.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def mlp(dims: Sequence[int], bias_last: bool = True) -> nn.Sequential:
    """Linear layers through the widths `dims`, GELU between them; the last may go without a bias."""
    layers: list[nn.Module] = []
    for layer, (width_in, width_out) in enumerate(pairwise(dims)):
        last = layer == len(dims) - 2
        layers.append(nn.Linear(width_in, width_out, bias=bias_last or not last))
        layers += [] if last else [nn.GELU()]
    return nn.Sequential(*layers)


def projector(width: int, hidden: int = 1024, out: int = 256) -> nn.Sequential:
    """Projector D → 1024 → 1024 → K of steps 1 and 2."""
    return mlp((width, hidden, hidden, out))


def predictor(width: int = 256, hidden: int = 1024) -> nn.Sequential:
    """Predictor K → 1024 → K of step 1's online network, without a bias in its last layer."""
    return mlp((width, hidden, width), bias_last=False)
