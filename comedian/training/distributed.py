"""Several processes, started by torchrun, that train as one; without torchrun everything is one process.

Every process walks the same global batch and takes its slice of it, so that any number of
processes learns the same.
"""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from comedian.errors import InputError

Drawn = TypeVar("Drawn")


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Join torchrun's group if there is one; yield this process's device."""
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=10))
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, 0 when alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_slice(global_size: int) -> slice:
    """This process's part of a global batch; InputError if it cannot be shared equally."""
    share, left = divmod(global_size, world_size())
    if left:
        raise InputError(
            f"a batch of {global_size} cannot be shared by {world_size()} processes",
            remedy="choose a --batch-size they divide",
        )
    return slice(rank() * share, (rank() + 1) * share)


def own_share(drawn: Drawn) -> Drawn:
    """This process's part of what was drawn for a global batch."""
    return drawn[local_slice(len(drawn))]


def gather(tensor: Tensor) -> Tensor:
    """All processes' tensors of equal shape, joined along the first dimension in order of rank."""
    if world_size() == 1:
        return tensor
    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


def gather_lists(items: list) -> list:
    """All processes' lists, of any lengths and picklable things, joined in order of rank."""
    if world_size() == 1:
        return items
    parts: list[list] = [[] for _ in range(world_size())]
    dist.all_gather_object(parts, items)
    return [item for part in parts for item in part]


def together(step: nn.Module) -> nn.Module:
    """A module whose gradients are the mean over processes; its buffers (queue, bank) are alike anyway."""
    if world_size() == 1:
        return step
    known = inspect.signature(DistributedDataParallel).parameters
    sync_buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    return DistributedDataParallel(step, **{sync_buffers: False})  # newer versions of torch renamed it


def mean(value: Tensor) -> Tensor:
    """Mean of a scalar over processes."""
    if world_size() == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / world_size()


def barrier() -> None:
    """Wait for all processes."""
    if world_size() > 1:
        dist.barrier()
