"""One of several processes that torchrun started: who speaks, and how all of them end."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def are_several() -> bool:
    """Whether torchrun started this process."""
    return "WORLD_SIZE" in os.environ


def is_first() -> bool:
    """Whether this process speaks and writes: the first of torchrun's, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def shared() -> Iterator[tuple[slice, Callable]]:
    """Join torchrun's processes: the slice of all works that is this one's, and `shard.one_each`."""
    if not are_several():
        yield slice(None), lambda count, results: results
        return
    import torch

    from comedian.distributed import processes, rank, world_size
    from comedian.spotting.shard import one_each

    with processes(torch.device("cpu")):
        try:
            yield slice(rank(), None, world_size()), one_each
        except (KeyboardInterrupt, RuntimeError) as end:
            end.add_note("the same line goes on")
            raise


def lost_another(error: Exception) -> str:
    """What to say if an error means that another of torchrun's processes is gone, else ""."""
    if not are_several():
        return ""
    from comedian.distributed import is_loss
    from comedian.machines import ProcessLost

    if isinstance(error, ProcessLost):
        return str(error)
    return "another process was lost" if is_loss(error) else ""


def last_word(status: int) -> tuple[bool, int]:
    """Whether this process says why it ends early, and its exit status; torchrun's end as their first."""
    if not are_several():
        return True, status
    _ignore_signals()
    from comedian.distributed import ends_first

    return ends_first(status)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
