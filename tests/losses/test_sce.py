"""Step 2's loss against loops written from Eq. 3-6, in value, gradient and memory."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from comedian.bank.soft_targets import soft_targets
from comedian.losses.attention import Distinct, relate_to_others
from comedian.losses.sce import sce_loss, sce_loss_queue, targets


def unit(seed, *shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)


def softmax(scores):
    highest = max(scores, default=0.0)
    powers = [math.exp(score - highest) for score in scores]
    return [power / sum(powers) for power in powers]


def naive_sce(z, bank, own, temperature, temperature_m, sce_lambda):
    """Eq. 3-6 over the complete bank, one number at a time; `own` are rows of the bank."""
    dot = lambda a, b: sum(x * y for x, y in zip(a, b, strict=True))  # noqa: E731
    z, bank, total = z.tolist(), bank.tolist(), 0.0
    for token, mine in zip(z, own, strict=True):
        s1 = softmax([dot(token, row) / temperature for row in bank])  # Eq. 3
        others = [k for k, row in enumerate(bank) if row != bank[mine]]
        s2 = softmax([dot(bank[mine], bank[k]) / temperature_m for k in others])  # Eq. 4
        w = [0.0] * len(bank)  # Eq. 5
        w[mine] = sce_lambda if others else 1.0
        for k, share in zip(others, s2, strict=True):
            w[k] += (1 - sce_lambda) * share
        total -= sum(a * math.log(b) for a, b in zip(w, s1, strict=True))  # Eq. 6
    return total / len(z)


def dense_sce(z, bank, own, temperature, temperature_m, sce_lambda):
    """Eq. 3-6 as matrices with autograd, (N, M) held whole."""
    same = (bank[own][:, None] == bank[None]).all(-1)  # (N, M)
    s2 = (bank[own] @ bank.T / temperature_m).masked_fill(same, -torch.inf).softmax(1)
    w = sce_lambda * F.one_hot(own, len(bank)) + (1 - sce_lambda) * s2
    return -(w * (z @ bank.T / temperature).log_softmax(1)).sum(1).mean()


def streaming_sce(z, bank, own, temperature, temperature_m, sce_lambda, block):
    soft = soft_targets(bank, temperature_m, block=block)[own]
    return sce_loss(z, targets(bank[own], soft, sce_lambda), bank, temperature, block)


@settings(max_examples=60, deadline=None)
@given(
    tokens=st.integers(1, 6),
    width=st.integers(1, 7),
    rows=st.integers(1, 12),
    duplicates=st.integers(0, 3),
    block=st.integers(1, 20),
    temperature=st.sampled_from([0.05, 0.1, 1.0]),
    temperature_m=st.sampled_from([0.03, 0.07, 0.5]),
    sce_lambda=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_sce_is_eq_3_to_6(
    tokens, width, rows, duplicates, block, temperature, temperature_m, sce_lambda, seed
):
    generator = torch.Generator().manual_seed(seed)
    bank = unit(seed, rows, width)
    bank = torch.cat([bank, bank[torch.randint(rows, (duplicates,), generator=generator)]])
    own, z = torch.randint(len(bank), (tokens,), generator=generator), unit(seed + 1, tokens, width)
    expected = naive_sce(z, bank, own.tolist(), temperature, temperature_m, sce_lambda)
    loss = streaming_sce(z, bank, own, temperature, temperature_m, sce_lambda, block)
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sce_lambda", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("rows", "block"), [(2, 8192), (257, 64), (5000, 8192), (1000, 333), (1000, 1)])
def test_streaming_equals_dense_in_value_and_gradient(rows, block, sce_lambda):
    bank, own = unit(1, rows, 32, dtype=torch.float32), torch.arange(24) % rows
    z = unit(2, 24, 32, dtype=torch.float32).requires_grad_()
    dense = dense_sce(z.double(), bank.double(), own, 0.1, 0.07, sce_lambda)
    (expected,) = torch.autograd.grad(dense, z)
    streaming = streaming_sce(z, bank, own, 0.1, 0.07, sce_lambda, block)
    (gradient,) = torch.autograd.grad(streaming, z)
    assert streaming.dtype == gradient.dtype == torch.float32
    assert streaming.item() == pytest.approx(dense.item(), abs=1e-5)
    assert (gradient - expected).abs().max() < 1e-5


def test_gradcheck_in_float64():
    bank, z = unit(3, 13, 5), unit(4, 4, 5).requires_grad_()
    target = unit(5, 4, 5)
    assert torch.autograd.gradcheck(lambda z: sce_loss(z, target, bank, block=4), z)
    loss = sce_loss(z, target, bank)
    assert loss.dtype == torch.float64
    (gradient,) = torch.autograd.grad(3 * loss, z)  # the gradient from above is passed on
    assert torch.allclose(gradient, 3 * torch.autograd.grad(sce_loss(z, target, bank), z)[0])


def test_the_teacher_takes_no_gradient():
    bank, z = unit(6, 9, 4), unit(7, 3, 4)
    for needy in (0, 1):
        target, rows = z.clone().requires_grad_(needy == 0), bank.clone().requires_grad_(needy == 1)
        with pytest.raises(AssertionError):
            sce_loss(z, target, rows)


def test_lambda_one_is_instance_discrimination_over_the_bank():
    bank, own, z = unit(8, 40, 16), torch.tensor([3, 17, 39]), unit(9, 3, 16)
    expected = F.cross_entropy(z @ bank.T / 0.1, own)
    assert sce_loss(z, targets(bank[own], torch.zeros(3, 16), 1.0), bank).item() == pytest.approx(
        expected.item()
    )


def test_defaults_are_the_papers():
    bank, own, z = unit(8, 40, 16), torch.tensor([3, 17, 39]), unit(9, 3, 16)
    loss = sce_loss(z, targets(bank[own], soft_targets(bank)[own]), bank)
    assert loss.item() == pytest.approx(dense_sce(z, bank, own, 0.1, 0.07, 0.5).item())


@pytest.mark.parametrize("block", [1, 3, 5, 64])
def test_rows_equal_to_the_own_feature_take_no_part(block):
    bank = unit(10, 6, 8)
    with_copies = torch.cat([bank[:1], bank, bank[:1]])  # row 0 three times, first, second and last
    own = torch.tensor([0, 1, 7])
    soft = soft_targets(with_copies, block=block)[own]
    others = bank[1:]
    expected = (others @ bank[0] / 0.07).softmax(0) @ others
    assert torch.allclose(soft, expected.expand(3, -1))


def test_a_token_without_neighbours_keeps_its_feature():
    for bank in (unit(11, 1, 4), unit(11, 1, 4).repeat(5, 1)):
        own = torch.tensor([0, 0])
        assert torch.equal(soft_targets(bank, block=2)[own], bank[own])
        z = unit(12, 2, 4).requires_grad_()
        loss = streaming_sce(z, bank, own, 0.1, 0.07, 0.5, 2)
        assert loss.item() == pytest.approx(math.log(len(bank)))  # every row scores alike
        assert torch.autograd.grad(loss, z)[0].abs().max() < 1e-12


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_bank_is_summed_in_float32(dtype):
    bank = unit(15, 300, 64, dtype=torch.float32).to(dtype)
    z, target = unit(16, 8, 64, dtype=torch.float32).requires_grad_(), unit(17, 8, 64, dtype=torch.float32)
    loss, expected = sce_loss(z, target, bank, block=100), sce_loss(z, target, bank.double().float())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)])
def test_a_gpu_multiplies_a_half_precision_bank_as_it_is(dtype, tolerance):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    bank = unit(15, 20_000, 64, dtype=torch.float32).to(dtype)
    z, target = unit(16, 8, 64, dtype=torch.float32), bank[:8].float()
    found = []
    for device in ("cpu", "cuda"):
        student = z.to(device).requires_grad_()
        loss = sce_loss(student, target.to(device), bank.to(device))
        found.append((loss.item(), torch.autograd.grad(loss, student)[0].cpu()))
    assert found[1][0] == pytest.approx(found[0][0], abs=tolerance)
    assert (found[1][1] - found[0][1]).abs().max() < tolerance


def test_autocast_changes_nothing_and_low_precision_tokens_get_their_gradient():
    bank, z = unit(18, 300, 64, dtype=torch.float32), unit(19, 8, 64, dtype=torch.float32).requires_grad_()
    target = unit(20, 8, 64, dtype=torch.float32)
    plain = sce_loss(z, target, bank)
    (gradient,) = torch.autograd.grad(plain, z)
    with torch.autocast("cpu", torch.bfloat16):
        loss = sce_loss(z, target, bank)
        assert loss == plain
        assert torch.equal(torch.autograd.grad(loss, z)[0], gradient)
        own = torch.arange(8)
        assert soft_targets(bank)[own].dtype == torch.float32
    low = z.detach().bfloat16().requires_grad_()
    sce_loss(low, target, bank).backward()
    assert low.grad.dtype == torch.bfloat16
    assert (low.grad.float() - gradient).abs().max() < 1e-2 * gradient.abs().max() + 1e-3


class Largest(TorchDispatchMode):
    """Remember the largest tensor that any operation makes (views of the inputs own no memory)."""

    def __init__(self, *inputs):
        super().__init__()
        self.known, self.bytes = {x.untyped_storage().data_ptr() for x in inputs}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, list | tuple) else [result]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self.known:
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("rows", [1_000, 50_000])
def test_nothing_grows_with_the_bank(rows):
    tokens, width, block = 16, 8, 100
    bank, own = unit(21, rows, width, dtype=torch.float32), torch.arange(tokens)
    distinct, z = Distinct.of(bank), unit(22, tokens, width).float().requires_grad_()
    with Largest(bank, z, own, *vars(distinct).values()) as largest:
        index = distinct.inverse[own]
        soft = relate_to_others(index, distinct, 0.07, block)[1]
        sce_loss(z, targets(bank[own], soft), bank, block=block).backward()
    assert (
        largest.bytes == 4 * tokens * block
    )  # float32 scores of a block; bank blocks and tokens are smaller


def test_queue_is_the_bank_loss_of_each_window_and_the_queue():
    features, z, queue = unit(23, 3, 5, 8), unit(24, 3, 5, 8).requires_grad_(), unit(25, 20, 8)
    queue = torch.cat([queue, features[1, 2:3]])  # a copy of a token's own feature is excluded
    expected = 0.0
    for student, teacher in zip(z.detach(), features, strict=True):
        bank = torch.cat([teacher, queue])
        expected += naive_sce(student, bank, range(5), 0.1, 0.05, 0.5) / 3
    loss = sce_loss_queue(z, features, queue, block=7)
    assert loss.item() == pytest.approx(expected)
    dense = sum(
        dense_sce(s, torch.cat([f, queue]), torch.arange(5), 0.1, 0.05, 0.5) / 3
        for s, f in zip(z, features, strict=True)
    )
    assert torch.allclose(torch.autograd.grad(loss, z)[0], torch.autograd.grad(dense, z)[0])


def test_an_empty_queue_leaves_the_window():
    features, z = unit(26, 2, 4, 8), unit(27, 2, 4, 8)
    expected = sum(naive_sce(s, f, range(4), 0.1, 0.05, 0.5) / 2 for s, f in zip(z, features, strict=True))
    assert sce_loss_queue(z, features, features.new_empty(0, 8)).item() == pytest.approx(expected)
