"""Networks on torch's `meta` device: shapes alone, without memory and without numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

NORMAL = (nn.init.normal_, Tensor.normal_)


@contextmanager
def without_memory() -> Iterator[None]:
    """Let networks that are built within a block have shapes alone."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Draws no normal numbers: for those torch imports its compiler on this device, a second and more."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in NORMAL:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
