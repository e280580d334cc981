"""Step 2's loss and gradient against the complete bank, and the soft targets it needs.

Ours against Eq. 3-6 as matrices with autograd ("dense"), against the shorter form of the loss with autograd
("logsumexp", soft targets known), and against the two matrix products that it cannot do without. Then the
memory of each beside its inputs, and how times grow with the bank. On CUDA in bfloat16, where the bank has
1,600,000 rows and nothing dense fits.

Letters: N tokens, K width, M bank rows, P the bank.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
import torch.nn.functional as F
from _measure import Row, child, interleaved, keep_growth, options, table, wall
from torch import Tensor

from comedian.bank.neighbours import neighbour_targets
from comedian.bank.soft_targets import soft_targets
from comedian.losses.attention import BLOCK_ROWS
from comedian.losses.sce import sce_loss, targets

TOKENS, WIDTH = 2048, 512  # 32 windows of 64 s
TAU, TAU_M, LAMBDA = 0.1, 0.07, 0.5
NEIGHBOURS = 100
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Inputs(NamedTuple):
    """What a training step has: projections (N, K), its tokens' bank rows (N,), the bank and m (M, K)."""

    z: Tensor
    own: Tensor
    bank: Tensor
    soft: Tensor


def main() -> None:
    """Time, memory, growth."""
    parser = options(__doc__)
    parser.add_argument("--case", choices=[*CASES, "inputs"], help="run this one once (for its memory)")
    parser.add_argument("--rows", type=int, help="rows of the bank")
    asked = parser.parse_args()
    rows = asked.rows or (10_000 if asked.quick else 100_000 if DEVICE.type == "cpu" else 1_600_000)
    if asked.case:
        inputs = make_inputs(rows)
        return CASES.get(asked.case, lambda inputs: None)(inputs)
    table(times(rows, asked.rounds))
    table(memories(rows))
    loss_growth(rows // 16, asked.rounds)
    return soft_target_growth(500 if asked.quick else 2_500 if DEVICE.type == "cpu" else 100_000)


def times(rows: int, rounds: int) -> list[Row]:
    """Loss and gradient, beside each limit or peer in the same rounds."""
    inputs = make_inputs(rows)
    calls = {name: partial(timed, case, inputs) for name, case in CASES.items() if fits(name)}
    seconds = interleaved(calls, rounds, measure=lambda call: call())
    goals = {"products": "<= 1.6" if DEVICE.type == "cuda" else "", "dense": ">= 2"}
    what = f"loss and gradient, {TOKENS} tokens, {rows} rows"
    others = [name for name in seconds if name != "ours"]
    return [Row(f"{what}: {name}", seconds["ours"], seconds[name], goals.get(name, "")) for name in others]


def memories(rows: int) -> list[Row]:
    """Peak memory beyond that of the inputs, in MB."""
    extra = {name: [extra_memory(name, rows)] for name in CASES if fits(name)}
    if DEVICE.type == "cuda":
        return [Row(f"extra memory, {rows} rows", extra["ours"], (), "<= 1000", "MB")]
    peers = {"dense": ">= 10", "logsumexp": ""}
    what = f"extra memory, {rows} rows"
    return [Row(f"{what}: {name}", extra["ours"], extra[name], goal, "MB") for name, goal in peers.items()]


def loss_growth(least: int, rounds: int) -> None:
    """The loss with 1, 4 and 16 times as many rows."""
    calls = {size: partial(timed, ours, make_inputs(size * least)) for size in (1, 4, 16)}
    seconds = interleaved(calls, rounds, measure=lambda call: call())
    keep_growth("SCE loss and gradient", list(seconds), [median(costs) for costs in seconds.values()])


def soft_target_growth(least: int) -> None:
    """Soft targets of 1, 4 and 16 times as many rows, exact and from neighbours, once each."""
    kinds = {
        "soft targets, exact": lambda bank: soft_targets(bank, TAU_M),
        f"soft targets, {NEIGHBOURS} neighbours": lambda bank: neighbour_targets(bank, NEIGHBOURS, TAU_M),
    }
    for name, kind in kinds.items():
        seconds = [timed(kind, halves_like(size * least)) for size in (1, 4, 16)]
        keep_growth(name, (1, 4, 16), seconds, linear=False)


def make_inputs(rows: int) -> Inputs:
    """Random projections and a bank; its soft targets are random too, which costs the loss the same."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    dtype = torch.bfloat16 if DEVICE.type == "cuda" else torch.float32
    own = torch.randint(rows, (TOKENS,), generator=generator, device=DEVICE)
    z, bank, soft = (_unit(size, generator, dtype) for size in (TOKENS, rows, rows))
    return Inputs(z.float(), own, bank, soft)


def halves_like(rows: int) -> Tensor:
    """A bank that resembles one of video: each row is near those before and after it."""
    generator = torch.Generator(DEVICE).manual_seed(1)
    steps = torch.randn(rows, 64, generator=generator, device=DEVICE)
    mix = torch.randn(64, WIDTH, generator=generator, device=DEVICE)
    walk = F.conv1d(steps.T[:, None], torch.ones(1, 1, 31, device=DEVICE) / 31**0.5, padding=15)[:, 0].T
    noise = 2 * torch.randn(rows, WIDTH, generator=generator, device=DEVICE)
    return F.normalize(walk @ mix + noise, dim=1)


def ours(inputs: Inputs) -> Tensor:
    """The streaming loss's gradient."""
    z = inputs.z.requires_grad_()
    target = targets(inputs.bank[inputs.own].float(), inputs.soft[inputs.own].float(), LAMBDA)
    return torch.autograd.grad(sce_loss(z, target, inputs.bank, TAU), z)[0]


def dense(inputs: Inputs) -> Tensor:
    """Eq. 3-6 as they stand; equal features are told by their row, which is less work than by value."""
    z, own, bank = inputs.z.requires_grad_(), inputs.own, inputs.bank
    with torch.no_grad():
        scores = bank[own] @ bank.T / TAU_M  # (N, M)
        scores[torch.arange(TOKENS), own] = -torch.inf
        weights = (1 - LAMBDA) * scores.softmax(1)
        weights[torch.arange(TOKENS), own] += LAMBDA
    loss = -(weights * (z @ bank.T / TAU).log_softmax(1)).sum(1).mean()
    return torch.autograd.grad(loss, z)[0]


def logsumexp(inputs: Inputs) -> Tensor:
    """The form of the loss that ours uses, by autograd."""
    z = inputs.z.requires_grad_()
    target = targets(inputs.bank[inputs.own], inputs.soft[inputs.own], LAMBDA)
    loss = ((z @ inputs.bank.T / TAU).logsumexp(1) - (z * target).sum(1) / TAU).mean()
    return torch.autograd.grad(loss, z)[0]


def products(inputs: Inputs) -> None:
    """The two matrix products of the loss and its gradient, in the bank's type, a block at a time."""
    z = inputs.z.detach().to(inputs.bank)
    for rows in inputs.bank.split(BLOCK_ROWS):
        (z @ rows.T) @ rows


CASES: dict[str, Callable] = {"ours": ours, "products": products, "dense": dense, "logsumexp": logsumexp}


def fits(case: str) -> bool:
    """What holds all scores at once is for the CPU's bank."""
    return DEVICE.type == "cpu" or case in ("ours", "products")


def timed(call: Callable, argument) -> float:
    """Seconds, the device's work included."""

    def waited() -> None:
        call(argument)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()

    return wall(waited)


def extra_memory(case: str, rows: int) -> float:
    """MB beyond the inputs' at the peak: on a CPU of a process that does nothing else."""
    if DEVICE.type == "cpu":
        words = [sys.executable, Path(__file__), "--rows", rows, "--case"]
        return child([*words, case]).peak_mb - child([*words, "inputs"]).peak_mb
    inputs = make_inputs(rows)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    CASES[case](inputs)
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def _unit(rows: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Random unit rows, made a few at a time: what making them needs must not hide what is measured."""
    filled = torch.empty(rows, WIDTH, dtype=dtype, device=DEVICE)
    for part in filled.split(BLOCK_ROWS // 8):
        part.copy_(F.normalize(torch.randn(part.shape, generator=generator, device=DEVICE), dim=1))
    return filled


if __name__ == "__main__":
    main()
