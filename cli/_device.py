"""The device that a command computes on."""

import sys

from ._say import warn


def say_device(command: str, asked: str, device, quiet: bool, precision: str = "auto") -> None:
    """One line on stderr: device, precision, and why; where there is no card, on a terminal only."""
    if quiet:
        return
    from comedian.devices import describe, has_cards

    if has_cards() or sys.stderr.isatty():
        warn(command, describe(asked, device, precision))
