"""Run an iterator in a thread of its own, so that decoding and the network overlap."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yield the items of `items`, computed up to `depth` ahead from now on; its errors are raised here.

    Closing the generator early stops the thread and closes `items`.
    """
    generator = _ahead(items, depth)
    next(generator)
    return generator


def _ahead(items: Iterable[Item], depth: int) -> Generator:
    """As `ahead`, but first comes None, once the thread is started."""
    waiting: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: object) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.1)
                return

    def work() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    break
            put(_END)
        except BaseException as error:
            put(error)
        finally:
            getattr(items, "close", lambda: None)()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield None
        while (item := waiting.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
