"""The attention read of a bank, exact and in flat memory (section 3.3, Eq. 3-4).

Letters: M rows of the bank, K their width, U distinct rows, N queries.

On a CPU large products are oneDNN's: torch's own are MKL's there, which spares AVX-512 on an AMD.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_ROWS = 8192  # bank rows in flight
CPU_BLOCK_ROWS = 2048  # at most, on a CPU: the scores of a block stay in its cache
WORK = 2**24  # multiply-adds from which a product pays oneDNN's copies
HEADROOM_BITS = 15  # shares grow to 2^15 in place of 1: float16 has no small numbers to waste
HEADROOM = math.log(2**HEADROOM_BITS)


@dataclass(frozen=True)
class Distinct:
    """The distinct rows of a bank, so that each has only itself to leave out where equal rows would.

    Attributes:
        rows: (U, K), of the bank's type.
        log_counts: (U,) float, logarithm of how often each occurs.
        inverse: (M,) int64, which distinct row each bank row is.
    """

    rows: Tensor
    log_counts: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, features: Tensor, block: int = BLOCK_ROWS) -> "Distinct":
        """Tell rows apart by a 64-bit hash on their device, then compare each with the first of its kind.

        Should two different rows ever share a hash, another hash is drawn.
        """
        for seed in itertools.count():
            keys = _hashes(features, seed, block)  # (M,)
            _, inverse, counts = torch.unique(keys, return_inverse=True, return_counts=True)
            index = torch.arange(len(features), device=features.device)
            first = torch.zeros_like(counts).scatter_reduce_(0, inverse, index, "amin", include_self=False)
            rows = features[first]  # (U, K)
            if _all_equal(features, rows, inverse, block):
                return cls(rows, counts.to(_accurate(rows)).log(), inverse)
        raise AssertionError("unreachable")

    def counted_in(self, inverse: Tensor) -> "Distinct":
        """The same rows, as often as they occur in another bank: `inverse` (M',) numbers its rows."""
        counts = torch.bincount(inverse, minlength=len(self.rows))
        return Distinct(self.rows, counts.to(self.log_counts).log(), inverse)  # those that do not: -inf


def relate_to_others(
    index: Tensor, distinct: Distinct, temperature: float, block: int = BLOCK_ROWS
) -> tuple[Tensor, Tensor]:
    """`attend` of the distinct rows `index` (N,) to all others; a row alone in its bank means itself."""
    own = distinct.rows[index]  # (N, K)
    logsumexp, mean = attend(own, distinct.rows, temperature, block, distinct.log_counts, index)
    return logsumexp, torch.where(logsumexp.isneginf()[:, None], own.to(mean), mean)


@torch.no_grad()
def attend(
    query: Tensor,
    rows: Tensor,
    temperature: float,
    block: int = BLOCK_ROWS,
    log_counts: Tensor | None = None,
    left_out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Logsumexp (N,) and softmax mean (N, K) of query·row/τ over the rows, N × block scores at a time.

    Sums are float32 (float64 for float64 queries) whatever the rows' type, also under autocast. On CUDA
    rows of 16 bits are multiplied as they are, by queries and shares rounded to their type, in one kernel
    where it runs (`comedian.losses.fused`; `block` then means nothing). The rows may lie on another device
    than the queries, then one block at a time travels. A query with no row to attend to has a logsumexp
    of -inf and a mean of NaN.

    Args:
        query: (N, K).
        rows: (U, K).
        log_counts: (U,) logarithm of how often each row counts; None is once.
        left_out: (N,) int64, the one row that takes no part for each query; None is none.
    """
    query = query.to(_accurate(query)) / temperature
    narrow = query.is_cuda and query.dtype == torch.float32 and rows.element_size() == 2
    if (
        narrow
        and rows.device == query.device
        and (fused := _fused(query.device, rows.dtype, rows.shape[1]))
    ):
        return fused(query, rows, log_counts, left_out)
    factor = rows.dtype if narrow else query.dtype  # the type of what is multiplied
    asked, block = query.to(factor), min(block, CPU_BLOCK_ROWS) if query.is_cpu else block
    highest = query.new_full((len(query),), torch.finfo(query.dtype).min)  # finite: -inf - -inf is NaN
    total, mean = torch.zeros_like(highest), torch.zeros_like(query)
    with torch.autocast(query.device.type, enabled=False):
        for start in range(0, len(rows), block):
            part = rows[start : start + block].to(query.device, factor)  # (b, K)
            scores = _product(asked, part)  # (N, b)
            if log_counts is not None:
                scores += log_counts[start : start + block].to(query)
            if left_out is not None:
                inside = ((left_out >= start) & (left_out < start + block)).nonzero().squeeze(1)
                scores[inside, left_out[inside] - start] = -torch.inf
            before, highest = highest, torch.maximum(highest, scores.amax(1) - HEADROOM)
            fade = (before - highest).exp()  # what was summed so far, relative to the new maximum
            shares = scores.sub_(highest[:, None]).exp_()  # (N, b)
            total = total * fade + shares.sum(1)
            mean = mean.mul_(fade[:, None]).add_(_product(shares.to(factor), part.T))
    return highest + total.log(), mean / total[:, None]


@cache
def _fused(device: torch.device, dtype: torch.dtype, width: int) -> Callable | None:
    """The kernel for rows of 16 bits on a CUDA device, where torch comes with Triton and it runs."""
    if find_spec("triton") is None:
        return None
    from comedian.losses.fused import kernel

    return kernel(device, dtype, width)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a · bᵀ, (N, K) and (M, K) -> (N, M) float32, or float64 for such factors."""
    if a.element_size() == 2:
        return torch.mm(a, b.T, out_dtype=torch.float32)
    return product(a, b)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a · bᵀ of float factors, (N, K) and (M, K) -> (N, M), by oneDNN where that is faster."""
    large = a.is_cpu and a.dtype == torch.float32 and a.numel() * len(b) >= WORK
    if large and torch.backends.mkldnn.is_available():
        return F.linear(a.to_mkldnn(), b.to_mkldnn()).to_dense()
    return a @ b.T


def _accurate(features: Tensor) -> torch.dtype:
    return torch.float64 if features.dtype == torch.float64 else torch.float32


def _hashes(features: Tensor, seed: int, block: int) -> Tensor:
    """A 64-bit number for each row, (M, K) -> (M,) int64, equal for equal rows."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randint(-(2**62), 2**62, _bits(features[0]).shape, generator=generator) * 2 + 1  # odd
    factors = factors.to(features.device)
    return torch.cat([(_bits(rows).long() * factors).sum(1) for rows in features.split(block)])


def _bits(rows: Tensor) -> Tensor:
    """The rows' bits as int16, (..., K) -> (..., K'), after -0 has become its equal 0.

    Wider pieces could differ in their high bits alone, and a product keeps too little of those.
    """
    return (rows + 0.0).view(torch.int16)


def _all_equal(features: Tensor, rows: Tensor, inverse: Tensor, block: int) -> bool:
    """Whether each feature (M, K) is to the bit the row (U, K) that `inverse` (M,) numbers."""
    pairs = zip(features.split(block), inverse.split(block), strict=True)
    return all(torch.equal(_bits(part), _bits(rows[index])) for part, index in pairs)
