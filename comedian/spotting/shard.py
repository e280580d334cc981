"""Work on many halves, shared by all processes, whose results come in order from the first one."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import TypeVar

from comedian import distributed
from comedian.spotting.prefetch import ahead

Item = TypeVar("Item")
UNBOUNDED = 0  # results are small: they wait in the first process until it is their turn


def in_order(count: int, work: Callable[[int], Iterator[Item]]) -> Iterator[Iterator[Item]]:
    """Yield the items of work(0), of work(1), … in the first process, and nothing in the others.

    Take the items of one work to their end before the next. Process r of n does work r, r + n, … and sends
    each item on as soon as it is there, so that nobody waits long for a message.
    """
    rank, size = distributed.rank(), distributed.world_size()
    mine = _ended(map(work, range(rank, count, size)))
    if size == 1:
        yield from map(work, range(count))
    elif rank == 0:
        with ExitStack() as stack:
            all_items = [mine, *(_received(other, range(other, count, size)) for other in range(1, size))]
            waiting = [stack.enter_context(closing(ahead(items, UNBOUNDED))) for items in all_items]
            for number in range(count):
                yield iter(partial(next, waiting[number % size]), None)
    else:
        for item in mine:
            distributed.send(item, 0)


def one_each(count: int, results: Iterator[Item]) -> Iterator[Item]:
    """Yield the result of each of `count` works in the first process, in order, and nothing in the others.

    Args:
        results: of this process's works: r, r + n, … of process r of n.
    """
    rank, size = distributed.rank(), distributed.world_size()
    if size == 1:
        yield from results
    elif rank == 0:
        with ExitStack() as stack:
            numbers = [range(other, count, size) for other in range(1, size)]
            others = [map(distributed.receive, [each[0]] * len(each)) for each in numbers if each]
            waiting = [
                results,
                *(stack.enter_context(closing(ahead(items, UNBOUNDED))) for items in others),
            ]
            for number in range(count):
                yield next(waiting[number % size])
    else:
        for result in results:
            distributed.send(result, 0)


def _ended(works: Iterable[Iterator[Item]]) -> Iterator[Item | None]:
    """The items of one work after the other, with None behind each."""
    for items in works:
        yield from items
        yield None


def _received(sender: int, numbers: range) -> Iterator[Item | None]:
    """What another process sends of its share: the items of each of its works, and None behind each."""
    return _ended(iter(partial(distributed.receive, sender), None) for _ in numbers)
