"""Labels, mixup and step 3's loss against loops written from Eq. 7."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from comedian.losses.spotting import (
    draw_mixup,
    frame_labels,
    mix_pairs_,
    mixup,
    spotting_loss,
    token_labels,
)


def naive_labels(times, actions, num_classes, radius):
    return [
        [float(any(c == k and abs(t - a) <= radius + 1e-6 for a, k in actions)) for c in range(num_classes)]
        for t in times
    ]


@settings(max_examples=50, deadline=None)
@given(
    frames=st.integers(1, 40),
    start=st.floats(0, 3000),
    actions=st.lists(st.tuples(st.floats(0, 3020), st.integers(0, 3)), max_size=6),
    radius=st.sampled_from([0.0, 0.5, 2.0]),
)
def test_frame_labels_are_actions_within_the_radius(frames, start, actions, radius):
    times = start + np.arange(frames) / 2
    seconds, classes = [a for a, _ in actions], [c for _, c in actions]
    labels = frame_labels(times, seconds, classes, 4, radius)
    assert labels.dtype == torch.float32
    assert labels.tolist() == naive_labels(times.tolist(), actions, 4, radius)


@pytest.mark.parametrize("start", [0.0, 0.1, 2699.9, 2700.04])
def test_both_ends_of_the_radius_are_inside_despite_rounding(start):
    times = start + np.arange(7) / 2
    action = start + 1.5  # on frame 3, so frames 2, 3 and 4
    assert frame_labels(times, [action], [0], 1)[:, 0].tolist() == [0, 0, 1, 1, 1, 0, 0]
    between = start + 1.25
    assert frame_labels(times, [between], [0], 1)[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert frame_labels([0.0], [0.5001], [0], 1).sum() == 0


def test_same_class_twice_is_still_one_and_no_action_is_zero():
    assert frame_labels([1.0, 9.0], [1.0, 1.1], [2, 2], 3).tolist() == [[0, 0, 1], [0, 0, 0]]
    assert frame_labels([1.0, 9.0], [], [], 3).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_token_has_the_classes_of_any_of_its_frames():
    labels = torch.tensor([[0, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0]], dtype=torch.float32)
    assert token_labels(labels).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert torch.equal(token_labels(labels.expand(4, 5, 6, 2)), token_labels(labels).expand(4, 5, 3, 2))
    with pytest.raises(AssertionError):
        token_labels(labels[:5])


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5)),
    soft=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_spotting_loss_is_eq_7(shape, soft, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(shape, generator=generator, dtype=torch.float64)
    labels = torch.rand(shape, generator=generator, dtype=torch.float64)
    labels = labels if soft else labels.round()
    total = 0.0
    for x, y in zip(logits.flatten().tolist(), labels.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        total -= y * math.log(p) + (1 - y) * math.log(1 - p)
    assert spotting_loss(logits, labels).item() == pytest.approx(total / logits.numel())


def test_spotting_loss_gradient_and_low_precision():
    logits, labels = torch.randn(2, 3, 4), torch.rand(2, 3, 4).round()
    assert torch.autograd.gradcheck(lambda x: spotting_loss(x, labels), logits.double().requires_grad_())
    low = logits.bfloat16()
    assert spotting_loss(low, labels) == spotting_loss(low.float(), labels)
    assert spotting_loss(torch.tensor([[[200.0, -200.0]]]), torch.tensor([[[0.0, 1.0]]])).item() == 200


def test_mixup_blends_each_sample_with_its_partner():
    generator = torch.Generator().manual_seed(0)
    video, labels = torch.rand(4, 3, 2, 5, 5, generator=generator), torch.rand(4, 6, 2, generator=generator)
    lam, permutation = torch.tensor([1.0, 0.0, 0.3, 0.5]), torch.tensor([1, 2, 3, 0])
    before = video.clone()
    mixed, mixed_labels = mixup(video, lam, permutation), mixup(labels, lam, permutation)
    for i, (share, partner) in enumerate(zip(lam.tolist(), permutation.tolist(), strict=True)):
        assert torch.allclose(mixed[i], share * video[i] + (1 - share) * video[partner])
        assert torch.allclose(mixed_labels[i], share * labels[i] + (1 - share) * labels[partner])
    assert torch.equal(mixed[0], video[0])
    assert torch.equal(mixed[1], video[2])
    assert torch.equal(video, before)


@pytest.mark.parametrize("number", [1, 2, 5, 6])
def test_pairs_are_mixed_in_place_to_the_same_bits(number):
    generator = torch.Generator().manual_seed(2)
    video, lam = (
        torch.rand(number, 3, 4, 7, 9, generator=generator),
        torch.rand(number, generator=generator),
    )
    partners = torch.arange(number).bitwise_xor(1).clamp(max=number - 1)
    expected, held = mixup(video, lam, partners), video.data_ptr()
    mix_pairs_(video, lam)
    assert torch.equal(video, expected)
    assert video.data_ptr() == held


def test_bce_on_mixed_labels_is_the_mix_of_both_losses():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 4, 3, generator=generator, dtype=torch.float64)
    a, b = torch.rand(2, 1, 4, 3, generator=generator, dtype=torch.float64).round()
    both = torch.cat([a, b])
    mixed = mixup(both, torch.tensor([0.25, 1.0], dtype=torch.float64), torch.tensor([1, 0]))
    expected = 0.25 * spotting_loss(logits, a) + 0.75 * spotting_loss(logits, b)
    assert spotting_loss(logits, mixed[:1]).item() == pytest.approx(expected.item())


def test_mixup_draws_are_beta_and_come_from_the_generator():
    lam = draw_mixup(20_000, 0.1, torch.Generator().manual_seed(3))
    assert lam.shape == (20_000,)
    assert lam.dtype == torch.float32
    assert 0 <= lam.min() <= lam.max() <= 1
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)) = 0.2083
    assert lam.mean().item() == pytest.approx(0.5, abs=0.015)
    assert lam.var().item() == pytest.approx(1 / 4.8, abs=0.005)
    assert torch.equal(lam, draw_mixup(20_000, 0.1, torch.Generator().manual_seed(3)))
    generator = torch.Generator().manual_seed(3)
    assert not torch.equal(draw_mixup(8, 0.1, generator), draw_mixup(8, 0.1, generator))
    with pytest.raises(AssertionError):
        draw_mixup(8, 0.0, generator)
