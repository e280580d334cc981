"""The device that a command computes on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ._say import warn


@contextmanager
def joined(asked: str) -> Iterator:
    """Join torchrun's processes, if there are any; yield this one's device, of the kind that was asked."""
    from comedian.devices import pick_device
    from comedian.distributed import processes

    with processes(pick_device(asked)) as device:
        yield device


def say_device(
    command: str, asked: str, device, quiet: bool, precision: str = "auto", why: str | None = None
) -> None:
    """One line on stderr: device, precision, why; of a CPU in float32 without cards on a terminal only."""
    if quiet:
        return
    from comedian.devices import describe, has_cards

    if has_cards() or precision == "bf16" or sys.stderr.isatty():
        warn(command, describe(asked, device, precision, why))
