"""To a device without a wait: what is small goes there in one copy, from page-locked memory."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

ALIGNED = 16  # bytes that each tensor of a copy begins at a multiple of
Tree = TypeVar("Tree")


def carried(tree: Tree, device: torch.device) -> Tree:
    """Nested tuples and lists with their tensors on a device; on the CPU they are the very tensors.

    Args:
        tree: its tensors lie on the CPU; anything else in it stays as it is.
    """
    if device.type == "cpu":
        return tree
    tensors: list[Tensor] = []
    _map(tensors.append, tree)
    places, end = [], 0
    for tensor in tensors:
        places.append(slice(end, end + tensor.numel() * tensor.element_size()))
        end = -(-places[-1].stop // ALIGNED) * ALIGNED
    whole = torch.empty(end, dtype=torch.uint8, pin_memory=True)
    for tensor, place in zip(tensors, places, strict=True):
        _shaped(whole[place], tensor).copy_(tensor)
    there = whole.to(device, non_blocking=True)
    found = (_shaped(there[place], tensor) for tensor, place in zip(tensors, places, strict=True))
    made: Tree = _map(lambda tensor: next(found), tree)
    return made


def _shaped(part: Tensor, like: Tensor) -> Tensor:
    """Bytes as numbers of another tensor's type and shape."""
    return part.view(like.dtype).view(like.shape)


def _map(function: Callable[[Tensor], Any], tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map(function, item) for item in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(_map(function, item) for item in tree)
    return tree
