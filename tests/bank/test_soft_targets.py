"""Soft targets against loops written from Eq. 4."""

import math

import numpy as np
import pytest
import torch

from comedian.bank import neighbours
from comedian.bank import soft_targets as exact
from comedian.bank.neighbours import neighbour_targets
from comedian.bank.soft_targets import soft_targets
from comedian.losses import attention
from comedian.losses.attention import Distinct


def unit_rows(num_rows: int, width: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    rows = torch.randn(num_rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(rows, dim=1).to(dtype)


def naive(rows: torch.Tensor, temperature: float) -> np.ndarray:
    """Eq. 4, one row and one number at a time."""
    bank = [tuple(row) for row in rows.tolist()]
    means = []
    for own in bank:
        others = [other for other in bank if other != own]
        if not others:
            means.append(own)
            continue
        weights = [
            math.exp(sum(a * b for a, b in zip(own, other, strict=True)) / temperature) for other in others
        ]
        columns = zip(*others, strict=True)
        total = sum(weights)
        means.append(
            [sum(w * x for w, x in zip(weights, column, strict=True)) / total for column in columns]
        )
    return np.array(means)


@pytest.mark.parametrize(("num_rows", "width", "block"), [(2, 3, 8192), (7, 4, 3), (40, 5, 1), (41, 8, 16)])
@pytest.mark.parametrize("temperature", [0.05, 0.07, 1.0])
def test_exact_targets_equal_the_loop(num_rows, width, block, temperature):
    rows = unit_rows(num_rows, width)
    found = soft_targets(rows, temperature, block=block)
    np.testing.assert_allclose(found.numpy(), naive(rows, temperature), atol=1e-12)


def test_large_products_are_onednns_and_equal_the_loop_too(monkeypatch):
    monkeypatch.setattr(attention, "WORK", 1)
    rows = unit_rows(40, 8, dtype=torch.float32)
    np.testing.assert_allclose(soft_targets(rows, block=16).numpy(), naive(rows, 0.07), atol=1e-6)


@pytest.mark.parametrize("block", [2, 5, 8192])
def test_equal_rows_leave_each_other_out_by_value(block):
    rows = unit_rows(9, 4)
    rows[1], rows[7], rows[4] = rows[3], rows[3], rows[0]
    rows = torch.cat([rows, torch.tensor([[0.0, 1, 0, 0], [-0.0, 1, 0, 0]], dtype=rows.dtype)])
    found = soft_targets(rows, block=block)
    np.testing.assert_allclose(found.numpy(), naive(rows, 0.07), atol=1e-12)
    assert torch.equal(found[1], found[7])


def test_a_row_alone_keeps_its_own_feature():
    rows = unit_rows(1, 6).expand(3, -1)
    assert torch.equal(soft_targets(rows), rows)
    assert torch.equal(neighbour_targets(rows, 2)[0], rows)


def test_a_tiny_temperature_picks_the_nearest_other_row():
    rows = unit_rows(30, 6)
    cosine = (rows @ rows.T).fill_diagonal_(-2)
    assert torch.allclose(soft_targets(rows, 1e-5), rows[cosine.argmax(1)])


def test_half_precision_rows_are_summed_in_float32(monkeypatch):
    monkeypatch.setattr(exact, "QUERY_ROWS", 7)
    rows = unit_rows(30, 6, dtype=torch.float16)
    found = soft_targets(rows)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), naive(rows, 0.07), atol=1e-5)


def test_all_neighbours_give_the_exact_targets():
    rows = unit_rows(50, 6, dtype=torch.float32)
    rows[10:14] = rows[0]
    found, left_out = neighbour_targets(rows, 49)
    torch.testing.assert_close(found, soft_targets(rows), atol=1e-5, rtol=0)
    assert left_out.maximum < 1e-6
    assert left_out.sampled == 50


def test_more_neighbours_come_closer_and_leave_less_out():
    rows = unit_rows(120, 6, dtype=torch.float32)
    exact = soft_targets(rows)
    pairs = [neighbour_targets(rows, num) for num in (2, 8, 32, 119)]
    errors = [float((found - exact).abs().max()) for found, _ in pairs]
    masses = [left_out.mean for _, left_out in pairs]
    assert errors == sorted(errors, reverse=True)
    assert masses == sorted(masses, reverse=True)
    assert errors[0] > 0.05
    assert errors[-1] < 1e-5


def test_left_out_mass_is_that_of_the_rows_not_found(monkeypatch):
    monkeypatch.setattr(neighbours, "SAMPLED_ROWS", 1000)
    rows = unit_rows(60, 5, dtype=torch.float32)
    rows[5] = rows[6]
    cosine = (rows @ rows.T).double()
    cosine.masked_fill_((rows[:, None] == rows).all(2), -torch.inf)
    shares = (cosine / 0.07).softmax(1)
    shares[:, 6] += shares[:, 5]  # equal rows count as one neighbour, with both their weights
    cosine[:, 5] = -torch.inf
    missing = 1 - shares.gather(1, cosine.topk(4).indices).sum(1)
    _, left_out = neighbour_targets(rows, 4)
    assert left_out.mean == pytest.approx(missing.mean().item(), abs=1e-5)
    assert left_out.maximum == pytest.approx(missing.max().item(), abs=1e-5)


def test_an_inverted_file_finds_nearly_the_same(monkeypatch):
    monkeypatch.setattr(neighbours, "FLAT_ROWS", 100)
    rows = unit_rows(3000, 8, dtype=torch.float32)
    found, left_out = neighbour_targets(rows, 300)
    assert (found - soft_targets(rows)).norm(dim=1).mean() < 0.05
    assert left_out.maximum < 0.5


def test_progress_ends_at_the_whole():
    told = []
    soft_targets(unit_rows(10, 3), report=lambda *call: told.append(call))
    assert told[-1] == ("soft targets", 10, 10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_distinct_rows_are_those_of_a_python_set(dtype):
    generator = torch.Generator().manual_seed(14)
    bank = torch.randint(-1, 2, (200, 3), generator=generator).to(dtype)  # 27 different rows
    bank[::5] *= -1.0  # makes negative zeros, equal to zeros
    assert torch.signbit(bank[bank == 0]).any()
    distinct = Distinct.of(bank, block=64)
    same = (bank[:, None] == bank).all(-1)  # (M, M)
    assert len(distinct.rows) == len(set(map(tuple, bank.tolist())))
    assert torch.equal(distinct.inverse[:, None] == distinct.inverse, same)
    assert torch.equal(distinct.rows[distinct.inverse], bank)
    assert torch.equal(
        distinct.log_counts.exp().round()[distinct.inverse], same.sum(1).to(distinct.log_counts)
    )


def test_a_hash_that_collides_is_drawn_again(monkeypatch):
    draws, randint = [], torch.randint

    def poor_then_sound(*args, **kwargs):
        draws.append(args)
        return torch.full_like(randint(*args, **kwargs), 1) if len(draws) == 1 else randint(*args, **kwargs)

    bank = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])  # the same sum in any order
    monkeypatch.setattr(torch, "randint", poor_then_sound)
    assert Distinct.of(bank).inverse.tolist() in ([0, 1, 0], [1, 0, 1])
    assert len(draws) == 2


@pytest.mark.gpu
def test_targets_on_the_gpu_equal_those_on_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rows = unit_rows(3000, 32, dtype=torch.float32)
    torch.testing.assert_close(soft_targets(rows.cuda()).cpu(), soft_targets(rows), atol=1e-4, rtol=0)
    found = neighbour_targets(rows.cuda(), 50)[0].cpu()
    torch.testing.assert_close(found, neighbour_targets(rows, 50)[0], atol=1e-3, rtol=0)
