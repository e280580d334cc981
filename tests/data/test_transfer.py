"""Tensors that travel together arrive as they were."""

from typing import NamedTuple

import torch

from comedian.data.transfer import carried
from tests.rehearsal.pretended import CARD, CPU, numbers_of, on_card, pretended_card


class Pair(NamedTuple):
    one: torch.Tensor
    other: tuple


def some():
    odd = [torch.tensor([True, False, True]), torch.arange(5), torch.rand(2, 3), torch.empty(0, 4)]
    return Pair(torch.tensor(2.5, dtype=torch.float64), (odd, None, 3, (torch.rand(4, 4).T, "word")))


def test_on_the_cpu_nothing_moves():
    tree = some()
    assert carried(tree, CPU) is tree


def test_types_shapes_and_nesting_stay_and_one_copy_is_made():
    tree = some()
    with pretended_card() as asked:
        found = carried(tree, CARD)
        assert (asked.copies.total(), asked.waits.total()) == (1, 0)
    assert isinstance(found, Pair)
    assert found.other[1:3] == (None, 3)
    pairs = [(tree.one, found.one), *zip(tree.other[0], found.other[0], strict=True)]
    pairs.append((tree.other[3][0], found.other[3][0]))
    for before, after in pairs:
        assert on_card(after)
        assert torch.equal(numbers_of(after), before)
        assert numbers_of(after).dtype == before.dtype
    assert found.other[3][1] == "word"
