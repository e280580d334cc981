"""Signals that end a command, from the first line of its process to the last."""

import atexit
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from comedian.interrupts import bring_back_swallowed, later

from ._torchrun import are_several

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
IMPATIENT_SECONDS = 2.0  # from the first signal on; a later one ends the process whatever it is doing


def end_at_once() -> None:
    """Let a signal end this process with one line: as long as it has begun nothing, or when it is done."""
    atexit.register(_ignore)  # as the first, so that it is the last to be called
    for number in SIGNALS:
        _handle(number, _leave)


class Interrupts:
    """A block in which the first signal raises KeyboardInterrupt; further ones leave it time to clean up.

    An import goes on to its end first, since many modules take an exception within for something else.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._first: float | None = None

    @property
    def came(self) -> bool:
        """Whether there was an interrupt."""
        return self._first is not None

    def __enter__(self) -> None:
        self._before = {number: _handle(number, self._interrupt) for number in SIGNALS}
        self._hook = sys.unraisablehook
        bring_back_swallowed()

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = self._hook
        if self.came:  # it was said; what follows is the end, in which later ones say nothing more
            return
        for number, handler in self._before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, handler)

    def _interrupt(self, signum: int, frame) -> None:
        if self._first is not None:
            if monotonic() - self._first > IMPATIENT_SECONDS:
                _leave(signum, frame)
        elif _is_importing(frame):
            later(lambda _, where: self._interrupt(signum, where))  # the import may be over then
        else:
            self._first = monotonic()
            by_torchrun = are_several() and signum == signal.SIGTERM
            raise KeyboardInterrupt("ended by torchrun, which says why" if by_torchrun else "")


def _handle(number: int, handler) -> Any:
    """Set a handler, unless the signal is ignored, as with nohup; return what was there."""
    before = signal.getsignal(number)
    if before != signal.SIG_IGN:
        signal.signal(number, handler)
    return before


def _ignore() -> None:
    """Before Python sets its own handlers back, which would end a process that is done by the signal."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _is_importing(frame) -> bool:
    while frame:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _leave(signum: int, frame) -> None:
    with suppress(OSError):
        os.write(2, f"{Path(sys.argv[0]).name}: interrupted\n".encode())
    os._exit(INTERRUPTED)
