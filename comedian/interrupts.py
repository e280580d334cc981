"""Interrupts that Python would swallow come again."""

import signal
import sys
from collections.abc import Callable
from typing import Any

LATER_SECONDS = 0.02


def later(handler: Callable[[int, Any], None]) -> None:
    """Call a handler of signals a moment later, in the main thread, whatever runs there then."""
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, LATER_SECONDS)


def bring_back_swallowed() -> None:
    """Raise an interrupt again, a moment later, where nothing could pass it on.

    That is within destructors, callbacks of weak references and of forks, of which Python says "Exception
    ignored in". In the main thread, where interrupts are raised.
    """
    before = sys.unraisablehook

    def hook(unraisable) -> None:
        error = unraisable.exc_value
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            before(unraisable)
            return

        def again(signum, frame) -> None:
            raise type(error)(*error.args)

        later(again)

    sys.unraisablehook = hook
