"""The device that a command computes on."""

import sys

from ._say import warn


def say_device(
    command: str, asked: str, device, quiet: bool, precision: str = "auto", why: str | None = None
) -> None:
    """One line on stderr: device, precision, why; of a CPU in float32 without cards on a terminal only."""
    if quiet:
        return
    from comedian.devices import describe, has_cards

    if has_cards() or precision == "bf16" or sys.stderr.isatty():
        warn(command, describe(asked, device, precision, why))
