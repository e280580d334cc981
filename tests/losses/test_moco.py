"""Step 1's loss against loops written from Eq. 1-2."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from comedian.losses.moco import info_nce, moco_loss


def unit(generator, *shape, dtype=torch.float64):
    return F.normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)


def naive_info_nce(query, key, queue, temperature):
    """Eq. 1, one exponential at a time."""
    total = 0.0
    for q, k in zip(query.tolist(), key.tolist(), strict=True):
        dot = lambda x, q=q: sum(a * b for a, b in zip(q, x, strict=True))  # noqa: E731
        own = math.exp(dot(k) / temperature)
        others = sum(math.exp(dot(negative) / temperature) for negative in queue.tolist())
        total -= math.log(own / (own + others))
    return total / len(query)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 7),
    width=st.integers(1, 9),
    negatives=st.integers(0, 12),
    temperature=st.sampled_from([0.05, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_info_nce_is_eq_1(batch, width, negatives, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    query, key, queue = (unit(generator, n, width) for n in (batch, batch, negatives))
    expected = naive_info_nce(query, key, queue, temperature)
    assert info_nce(query, key, queue, temperature).item() == pytest.approx(expected, abs=1e-9)


def test_moco_loss_is_eq_2_each_view_against_the_other_views_key():
    generator = torch.Generator().manual_seed(1)
    q1, q2, k1, k2 = (unit(generator, 5, 8) for _ in range(4))
    queue = unit(generator, 11, 8)
    expected = (naive_info_nce(q1, k2, queue, 0.2) + naive_info_nce(q2, k1, queue, 0.2)) / 2
    assert moco_loss(q1, q2, k1, k2, queue, 0.2).item() == pytest.approx(expected, abs=1e-9)
    assert moco_loss(q2, q1, k2, k1, queue, 0.2).item() == pytest.approx(expected, abs=1e-9)


def test_default_temperature_is_the_papers():
    generator = torch.Generator().manual_seed(2)
    query, key, queue = unit(generator, 4, 8), unit(generator, 4, 8), unit(generator, 9, 8)
    assert info_nce(query, key, queue) == info_nce(query, key, queue, 0.1)
    assert moco_loss(query, key, key, query, queue) == moco_loss(query, key, key, query, queue, 0.1)


def test_gradient():
    generator = torch.Generator().manual_seed(3)
    query, key, queue = unit(generator, 3, 4), unit(generator, 3, 4), unit(generator, 5, 4)
    assert torch.autograd.gradcheck(lambda q: info_nce(q, key, queue), query.requires_grad_())


def test_half_precision_and_autocast_score_in_float32():
    generator = torch.Generator().manual_seed(4)
    query, key, queue = (unit(generator, n, 256, dtype=torch.float32) for n in (16, 16, 100))
    plain = info_nce(query, key, queue)
    with torch.autocast("cpu", torch.bfloat16):
        assert info_nce(query, key, queue) == plain
    rounded = [x.bfloat16() for x in (query, key, queue)]
    assert info_nce(*rounded) == info_nce(*(x.float() for x in rounded))


def test_no_overflow_at_a_tiny_temperature():
    query = torch.eye(3)
    assert info_nce(query, query, -query, 1e-4).item() == 0
    assert info_nce(query, -query, query, 1e-4).item() == pytest.approx(2e4)
