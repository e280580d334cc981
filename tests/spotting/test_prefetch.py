import threading
import time

import pytest

from comedian.spotting.prefetch import ahead


def test_all_items_in_order():
    assert list(ahead(iter(range(1000)), depth=3)) == list(range(1000))


def test_it_begins_before_anybody_asks():
    begun = threading.Event()

    def items():
        begun.set()
        yield 1

    found = ahead(items(), depth=3)
    assert begun.wait(timeout=30)
    assert list(found) == [1]


def test_errors_arrive():
    def broken():
        yield 1
        raise ValueError("broken")

    items = ahead(broken(), depth=3)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_closing_early_closes_what_it_reads():
    closed = threading.Event()

    def frames():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = ahead(frames(), depth=2)
    next(items)
    items.close()
    assert closed.is_set()


def test_no_more_than_depth_ahead_and_the_thread_stops():
    made = []

    def count():
        for number in range(10**6):
            made.append(number)
            yield number

    threads = threading.active_count()
    items = ahead(count(), depth=5)
    next(items)
    time.sleep(0.3)
    assert len(made) <= 8
    items.close()
    assert threading.active_count() == threads
