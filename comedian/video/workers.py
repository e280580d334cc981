"""Forked processes that decode: how signals and the end of their parent reach them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait

from comedian.interrupts import bring_back_swallowed

SIGNALS = {
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGALRM,
}  # the last for one that was put off


@contextmanager
def signals_held() -> Iterator[None]:
    """Keep signals waiting while processes are forked, so that none meets a handler of the parent's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def obey_parent(on_terminate: Callable | signal.Handlers) -> None:
    """In a forked process: leave Ctrl-C and a lost terminal to the parent, and end when the parent does.

    Args:
        on_terminate: handler of SIGTERM, by which the parent interrupts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_terminate)
    bring_back_swallowed()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_with_parent() -> None:
    """Wait for the parent's end, also by SIGKILL; what was begun is then a leftover, to be cleared."""
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)
