"""Heads: what a token says of its second (step 3), and the projections of steps 1 and 2.

Letters: B windows, L tokens, D width of a token, C classes, K width of the compared vectors.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

CLASSES = "classes"  # the output that spots come from
OFFSETS = "offsets"  # seconds from a token to the action of each class
HEAD_STD = 0.01  # of an output's initial weights


class TokenHeads(nn.ModuleDict):
    """One linear layer for each output of a token, by name."""

    def __init__(self, width: int, outputs: Mapping[str, int]):
        """`outputs` says how many numbers each output has; one of none is left out."""
        super().__init__({name: _output(width, number) for name, number in outputs.items() if number})

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """Tokens (B, L, D) to outputs (B, L, numbers) by name; `CLASSES` has one logit a class."""
        return {name: layer(tokens) for name, layer in self.items()}


def projector(width: int, hidden: int = 1024, out: int = 256, norm: bool = False) -> nn.Sequential:
    """Projector D → 1024 → 1024 → K of steps 1 and 2."""
    return mlp((width, hidden, hidden, out), norm=norm)


def predictor(width: int = 256, hidden: int = 1024, norm: bool = False) -> nn.Sequential:
    """Predictor K → 1024 → K of step 1's online network, without a bias in its last layer."""
    return mlp((width, hidden, width), bias_last=False, norm=norm)


def mlp(dims: Sequence[int], bias_last: bool = True, norm: bool = False) -> nn.Sequential:
    """Linear layers through the widths `dims`, exact GELU between them.

    Args:
        bias_last: whether the last one has a bias.
        norm: batch norm after each, the last without weights (MoCo v3); the authors' code has none.
    """
    layers: list[nn.Module] = []
    for layer, (width_in, width_out) in enumerate(pairwise(dims)):
        last = layer == len(dims) - 2
        layers.append(nn.Linear(width_in, width_out, bias=not norm and (bias_last or not last)))
        if norm:
            layers.append(nn.BatchNorm1d(width_out, affine=not last, track_running_stats=False))
        layers += [] if last else [nn.GELU()]
    return nn.Sequential(*layers)


def _output(width: int, number: int) -> nn.Linear:
    layer = nn.Linear(width, number)
    nn.init.normal_(layer.weight, std=HEAD_STD)
    nn.init.zeros_(layer.bias)
    return layer
