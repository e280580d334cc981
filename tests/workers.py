"""Work of helper processes in the test's own."""

from collections.abc import Callable, Iterator, Sequence


def done_here(work: Callable, items: Sequence[tuple], number: int, poll, setup, on_terminate) -> Iterator:
    """What `results_of` of comedian/video/workers.py gives, without a process: with what a test changed."""
    setup()
    for item in items:
        poll()
        yield work(*item)
