"""Helper processes: how they begin and end, what they make of signals, and work that several share.

They are spawned: a new Python that imports what it needs. That is safe beside threads, which torch and gloo
have and a fork would copy in any state, and it is there on Linux, and on macOS and Windows (not measured).
It takes a quarter of a second of a core each. They talk through pipes alone: semaphores would have names of
the system's, which outlive a parent that is killed.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import TypeVar

from comedian.errors import InputError
from comedian.interrupts import bring_back_swallowed

CONTEXT = multiprocessing.get_context("spawn")
POLL_SECONDS = 0.1  # between looks at how far the workers are
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")  # the last for one that was put off
SIGNALS = {getattr(signal, name) for name in NAMES if hasattr(signal, name)}
_one_at_a_time = threading.Lock()  # of those that begin
Result = TypeVar("Result")
OnTerminate = Callable | signal.Handlers


def begin(target: Callable, *args: object, daemon: bool = False) -> SpawnProcess:
    """Start a process that calls a function of a module; it should call `obey_parent` first."""
    process = CONTEXT.Process(target=target, args=args, daemon=daemon)
    with _one_at_a_time, _signals_held(), _main_hidden():
        process.start()
    return process


def results_of(
    work: Callable[..., Result],
    items: Sequence[tuple],
    number: int,
    poll: Callable[[], None] = lambda: None,
    setup: Callable[[], None] | None = None,
    on_terminate: OnTerminate = signal.SIG_DFL,
) -> Generator[Result, None, None]:
    """Yield `work(*item)` of each item, in order, from a number of processes; errors of it are raised here.

    Closing the generator, or Ctrl-C, stops the processes at once.

    Args:
        poll: called several times a second.
        setup: called in each process, before its first work.
        on_terminate: handler of SIGTERM there, by which they are stopped.

    Raises:
        InputError: a process was killed.
    """
    waiting, done = iter(enumerate(items)), {}
    busy: dict[Connection, tuple[int, SpawnProcess]] = {}
    processes: list[SpawnProcess] = []
    try:
        for place, item in islice(waiting, number):
            link, other_end = CONTEXT.Pipe()
            processes.append(begin(_serve, other_end, work, setup, on_terminate))
            other_end.close()
            busy[link] = place, processes[-1]
            _send(link, item)
        for wanted in range(len(items)):
            while wanted not in done:
                poll()
                ready = wait(list(busy), POLL_SECONDS)
                for link in [one for one in busy if one in ready]:
                    place, process = busy[link]
                    done[place] = _reply(link)
                    if following := next(waiting, None):
                        busy[link] = following[0], process
                        _send(link, following[1])
                    else:
                        del busy[link]
                        link.close()
            yield done.pop(wanted)
    finally:
        for link, (_, process) in busy.items():
            process.terminate()
            link.close()
        for process in processes:
            process.join()


def obey_parent(on_terminate: OnTerminate) -> None:
    """In a helper: leave Ctrl-C and a lost terminal to the parent, and end when the parent does.

    Args:
        on_terminate: handler of SIGTERM, by which the parent interrupts.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_terminate)
    bring_back_swallowed()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _serve(link: Connection, work: Callable, setup: Callable | None, on_terminate: OnTerminate) -> None:
    """In a worker: do one work after the other, until no more comes."""
    if setup:
        setup()
    obey_parent(on_terminate)
    with suppress(EOFError, OSError):  # the parent closed the link, or is gone
        while True:
            item = link.recv()
            result, failed = None, None
            try:
                result = work(*item)
            except Exception as error:
                error.add_note(traceback.format_exc())
                failed = error
            link.send((result, failed))


def _send(link: Connection, item: tuple) -> None:
    try:
        link.send(item)
    except OSError:
        raise _killed() from None


def _reply(link: Connection):
    """What a worker made of its work, or its error raised."""
    try:
        result, error = link.recv()
    except (EOFError, OSError):
        raise _killed() from None
    if error:
        raise error
    return result


def _killed() -> InputError:
    return InputError("a worker was killed, perhaps for want of memory", None, "lower --workers")


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keep signals waiting until a process that begins has handlers: Python's own would tell of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        resource_tracker.ensure_running()  # it lets signals through again when it starts
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Let a process begin without the program of its parent, which it would import, and so run again."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _end_with_parent() -> None:
    """Wait for the parent's end, also by SIGKILL; what was begun is then a leftover, to be cleared."""
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)
