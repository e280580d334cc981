"""A network as a CPU runs it fastest, for inference: linear layers of oneDNN, pictures with channels last.

torch's own linear layers are MKL's there, which spares AVX-512 on an AMD.
"""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def fastest(module: Network, device: torch.device) -> Network:
    """A network as its device runs it fastest, for inference alone."""
    is_exported = next(module.parameters(), None) is None
    return module if is_exported or device.type != "cpu" else packed(module)


def packed(module: Network) -> Network:
    """A copy of a module on the CPU for inference alone."""
    module = copy.deepcopy(module)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.to(memory_format=torch.channels_last)
    if torch.backends.mkldnn.is_available():
        _pack(module)
    return module


def _pack(module: nn.Module) -> None:
    for name, child in module.named_children():
        if type(child) is nn.Linear and child.weight.dtype == torch.float32:
            setattr(module, name, _PackedLinear(child))
        else:
            _pack(child)


class _PackedLinear(nn.Module):
    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.weight = linear.weight.detach().to_mkldnn()
        self.bias = None if linear.bias is None else linear.bias.detach().to_mkldnn()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.to_mkldnn(), self.weight, self.bias).to_dense()
