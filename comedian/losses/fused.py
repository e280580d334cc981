"""The attention read of a bank as one CUDA kernel: scores stay on the chip, a row is read for 64 queries.

Online softmax after Milakov and Gimelshein (arXiv 1805.02867), tiled as in FlashAttention-2 (arXiv
2307.08691), with the bank in parts that are read side by side and joined in the end.

Letters: N queries, U rows, K their width, S parts of the rows.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from comedian.losses.attention import HEADROOM_BITS

QUERIES, ROWS, WARPS = 64, 64, 8  # of a tile; the fastest of nine on an H100 at K = 512
STAGES = (2, 1)  # of loading ahead; one is for cards whose shared memory does not hold two
SPLITS = 4  # S: with 2,048 queries about a program for each multiprocessor
WIDTHS = (16, 32, 64, 128, 256, 512)  # K; a tile's sums fill the registers at 512
LEAST = -3.0e38  # in place of -inf, of which differences are NaN


def kernel(device: torch.device, dtype: torch.dtype, width: int) -> Callable | None:
    """`attend_fused` as it runs on a device for rows of a 16-bit type and a width, or None; it is tried.

    A warning says why it does not run: Triton needs a C compiler, the tile a card's shared memory.
    """
    if width not in WIDTHS:
        return None
    reason = ""
    for stages in STAGES:
        tried = partial(attend_fused, stages=stages)
        try:
            tried(torch.zeros(1, width, device=device), torch.zeros(1, width, device=device, dtype=dtype))
        except Exception as error:  # of Triton, the compiler, the driver
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            return tried
    warnings.warn(
        f"the fused attention kernel does not run here ({reason}); a slower way is taken", stacklevel=2
    )
    return None


def attend_fused(
    query: Tensor,
    rows: Tensor,
    log_counts: Tensor | None = None,
    left_out: Tensor | None = None,
    stages: int = STAGES[0],
) -> tuple[Tensor, Tensor]:
    """As `comedian.losses.attention.attend`: logsumexp (N,) and softmax mean (N, K), both float32.

    Args:
        query: (N, K) float32, over τ.
        rows: (U, K) float16 or bfloat16, K one of `WIDTHS`.
        log_counts: (U,) or None.
        left_out: (N,) or None.
        stages: of loading rows ahead.
    """
    rows = rows.contiguous()
    number, width = query.shape
    sums = query.new_empty(SPLITS, number, width)
    totals, highest = query.new_empty(2, SPLITS, number)
    counts = rows if log_counts is None else log_counts.float() * math.log2(math.e)
    per_split = triton.cdiv(triton.cdiv(len(rows), SPLITS), ROWS) * ROWS
    _attend[triton.cdiv(number, QUERIES), SPLITS](
        (query * math.log2(math.e)).to(rows.dtype), rows, counts, rows if left_out is None else left_out,
        sums, totals, highest, number, len(rows), per_split,
        COUNTED=log_counts is not None, SPARED=left_out is not None,
        K=width, QUERIES=QUERIES, ROWS=ROWS, LEAST=LEAST, HEADROOM=HEADROOM_BITS,
        num_warps=WARPS, num_stages=stages,
    )  # fmt: skip
    top = highest.amax(0)
    weights = (highest - top).exp2()
    total = (totals * weights).sum(0)
    mean = (sums * weights[..., None]).sum(0) / total[:, None]
    return (top + total.log2()) * math.log(2), mean


@triton.jit
def _attend(
    query_at, rows_at, counts_at, left_out_at, sums_at, totals_at, highest_at,
    num_queries, num_rows, per_split,
    COUNTED: tl.constexpr, SPARED: tl.constexpr,
    K: tl.constexpr, QUERIES: tl.constexpr, ROWS: tl.constexpr, LEAST: tl.constexpr, HEADROOM: tl.constexpr,
):  # fmt: skip
    """A tile of queries over one part of the rows; scores are logarithms to the base of 2."""
    part = tl.program_id(1)
    number = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    asked, across = number < num_queries, tl.arange(0, K)
    query = tl.load(query_at + number[:, None] * K + across[None, :], mask=asked[:, None], other=0.0)
    sums = tl.zeros((QUERIES, K), tl.float32)
    total = tl.zeros((QUERIES,), tl.float32)
    highest = tl.full((QUERIES,), LEAST, tl.float32)
    if SPARED:
        spared = tl.load(left_out_at + number, mask=asked, other=-1)
    begin = part * per_split
    end = tl.minimum(begin + per_split, num_rows)
    for start in range(begin, end, ROWS):
        row = start + tl.arange(0, ROWS)
        here = row < end
        rows = tl.load(
            rows_at + row.to(tl.int64)[:, None] * K + across[None, :], mask=here[:, None], other=0.0
        )
        scores = tl.dot(query, tl.trans(rows))
        if COUNTED:
            scores += tl.load(counts_at + row, mask=here, other=0.0)[None, :]
        scores = tl.where(here[None, :], scores, -float("inf"))
        if SPARED:
            scores = tl.where(spared[:, None] == row[None, :], -float("inf"), scores)
        higher = tl.maximum(highest, tl.max(scores, 1) - HEADROOM)
        fade = tl.exp2(highest - higher)
        shares = tl.exp2(scores - higher[:, None])
        total = total * fade + tl.sum(shares, 1)
        sums = tl.dot(shares.to(rows.dtype), rows, sums * fade[:, None])
        highest = higher
    place = part * num_queries + number
    tl.store(sums_at + place[:, None] * K + across[None, :], sums, mask=asked[:, None])
    tl.store(totals_at + place, total, mask=asked)
    tl.store(highest_at + place, highest, mask=asked)
