"""Work shared by processes; tests/cli/test_torchrun.py starts real ones."""

import pytest

from comedian.spotting import shard


def work(number):
    """Items 10 × number + 0, 1, … as many as the number."""
    return iter(range(10 * number, 10 * number + number))


@pytest.fixture
def as_rank(monkeypatch):
    """Make this process one of several, whose messages go into and come from a dict of lists."""
    sent = {}

    def call(rank, size):
        monkeypatch.setattr(shard.distributed, "rank", lambda: rank)
        monkeypatch.setattr(shard.distributed, "world_size", lambda: size)
        monkeypatch.setattr(
            shard.distributed, "send", lambda item, to: sent.setdefault(rank, []).append(item)
        )
        monkeypatch.setattr(shard.distributed, "receive", lambda sender: sent[sender].pop(0))
        return sent

    return call


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_first_process_yields_everything_in_order(as_rank, count, size):
    for rank in reversed(range(size)):
        sent = as_rank(rank, size)
        found = [list(items) for items in shard.in_order(count, work)]
        assert found == ([list(work(number)) for number in range(count)] if rank == 0 else [])
    assert not any(sent.values()), "what was sent was taken"


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_first_process_yields_the_result_of_each_in_order(as_rank, count, size):
    for rank in reversed(range(size)):
        sent = as_rank(rank, size)
        found = list(shard.one_each(count, iter(range(rank, count, size))))
        assert found == (list(range(count)) if rank == 0 else [])
    assert not any(sent.values()), "what was sent was taken"


def test_alone_nothing_is_begun_before_it_is_asked_for():
    begun = []
    results = shard.in_order(3, lambda number: begun.append(number) or iter("ab"))
    assert begun == []
    next(results)
    assert begun == [0]


def test_an_error_is_raised_where_it_is_waited_for(as_rank, monkeypatch):
    as_rank(0, 2)

    def lost(sender):
        raise RuntimeError("Connection closed")

    monkeypatch.setattr(shard.distributed, "receive", lost)
    results = shard.in_order(3, work)
    assert list(next(results)) == []
    with pytest.raises(RuntimeError, match="Connection closed"):
        list(next(results))
