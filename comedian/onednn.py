"""Matrix products by oneDNN on a CPU. torch's own are MKL's there, which spares AVX-512 on an AMD."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WORK = 2**24  # multiply-adds from which a product pays oneDNN's copies


def product(a: Tensor, b: Tensor) -> Tensor:
    """a · bᵀ of float factors, (N, K) and (M, K) -> (N, M), by oneDNN where that is faster."""
    large = a.is_cpu and a.dtype == torch.float32 and a.numel() * len(b) >= WORK
    if large and torch.backends.mkldnn.is_available():
        return F.linear(a.to_mkldnn(), b.to_mkldnn()).to_dense()
    return a @ b.T


def packed(module: nn.Module) -> nn.Module:
    """A copy of a module on the CPU for inference alone, whose linear layers are oneDNN's."""
    module = copy.deepcopy(module)
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
