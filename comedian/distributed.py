"""Several processes, started by torchrun, that work as one; without torchrun everything is one process.

In training every process walks the same global batch and takes its slice of it, so that any number of
processes learns the same; in spotting each takes whole halves.
"""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from comedian import machines
from comedian.errors import InputError


class Sliceable(Protocol):
    """What was drawn for a batch: it has a length, and `drawn[slice]` is of its own kind."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> Any: ...


Drawn = TypeVar("Drawn", bound=Sliceable)

# A process that dies is noticed at once, for its connections close, a machine that vanishes by
# `machines.in_touch`. The longest real wait is for the last half of a validation, minutes on a slow CPU.
PATIENCE = timedelta(minutes=30)
JOINING = timedelta(seconds=machines.JOIN_SECONDS)
FAREWELL = timedelta(seconds=5)  # to say that this process ends; then whoever kept count has ended too


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Join torchrun's group if there is one; yield this process's device, on CUDA a GPU of its own.

    After an error the group is not left: to the others that would look like a loss, before this process
    has told why (`ends_first`). The process should end.
    """
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = _own_gpu(device)
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    machines.choose_interface()
    store, rank, size = next(dist.rendezvous("env://", timeout=JOINING))
    with machines.in_touch(rank, size, store):
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
        yield device
    dist.destroy_process_group()


def ends_first(status: int) -> tuple[bool, int]:
    """Tell the others that this process ends early: whether it is the first to, and the first one's status.

    The first says why. Those after it end like it and say nothing, for they end because of it, or of the
    same mistake.
    """
    if not machines.first_is_reachable(FAREWELL.total_seconds()):
        return True, status  # torch would say so on many lines
    try:
        store, rank, _ = next(dist.rendezvous("env://", timeout=FAREWELL))
        mine = f"{rank} {status}"
        first = store.compare_set("comedian ended", "", mine).decode()
    except dist.DistError:
        return True, status  # the store went with its process, and perhaps unheard
    return first == mine, int(first.split()[1])


def is_loss(error: Exception) -> bool:
    """Whether an error of torch's means that another process cannot be reached any more."""
    if isinstance(error, machines.ProcessLost):
        return True
    return isinstance(error, dist.DistError) or "gloo/transport" in str(error)


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
    own: Drawn = drawn[local_slice(len(drawn))]
    return own


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


def send(item: Any, to: int) -> None:
    """Send a picklable thing to the process of that rank; returns when it is taken."""
    dist.send_object_list([item], to, device=torch.device("cpu"))


def receive(sender: int) -> Any:
    """The next thing that the process of that rank sends to this one."""
    box = [None]
    dist.recv_object_list(box, sender, device=torch.device("cpu"))
    return box[0]


def together(step: nn.Module) -> nn.Module:
    """A module whose gradients are the mean over processes; its buffers (queue, bank) are alike anyway.

    Batch norm, which a backbone of timm may have, sees the batch of all processes on CUDA, else its own's.
    """
    if world_size() == 1:
        return step
    if next(step.parameters()).is_cuda:  # torch has it for CUDA alone
        step = nn.SyncBatchNorm.convert_sync_batchnorm(step)
    known = inspect.signature(DistributedDataParallel).parameters
    sync_buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    options: dict[str, Any] = {sync_buffers: False}  # newer versions of torch renamed it
    return DistributedDataParallel(step, **options)


def mean(value: Tensor) -> Tensor:
    """Mean over processes of a tensor that each has, element by element."""
    if world_size() == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / world_size()


def _own_gpu(device: torch.device) -> torch.device:
    """The GPU of this process, by its number on this machine."""
    number, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device.index is not None:
        raise InputError(f"each process has a GPU of its own, not {device}", "--device", "say cuda")
    if number >= gpus:
        what = f"process {number} of this machine has no GPU, there are {gpus}"
        raise InputError(what, remedy=f"start torchrun with --nproc-per-node {gpus}")
    return torch.device("cuda", number)
