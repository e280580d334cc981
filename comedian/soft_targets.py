"""Soft targets of a bank's rows, exact or from their nearest neighbours (section 3.3, Eq. 4).

Letters: M rows of the bank, K their width, U distinct rows, N rows at a time, n neighbours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import faiss
import numpy as np
import torch
from torch import Tensor

from comedian.formats.bank import LeftOut

Report = Callable[[str, float, float | None], None]  # task, done, total

BLOCK_ROWS = 8192  # bank rows in flight
QUERY_ROWS = 1024  # rows whose soft targets are computed together
FLAT_ROWS = 200_000  # beyond this, neighbours on the CPU come from an inverted file (approximate)
IVF_PROBES = 32  # lists of the inverted file that a search reads
SAMPLED_ROWS = 256  # rows whose left-out mass is computed exactly
FAISS_GPU_NEIGHBOURS = 2048  # faiss's limit on a GPU


def soft_targets(
    features: Tensor,
    temperature_m: float = 0.07,
    block: int = BLOCK_ROWS,
    report: Report = lambda task, done, total: None,
) -> Tensor:
    """m_i = Σ_k s2_ik P_k of each bank row, over the bank without rows equal to it (Eq. 4), exact.

    Equal rows are merged, with their number as a weight, so that each has only itself to leave out; a
    row that has nothing else in its bank keeps its own feature. QUERY_ROWS × block scores are held.

    Args:
        features: (M, K) unit rows.
        temperature_m: τ_m.
        block: rows in flight; changes memory and rounding only.

    Returns:
        (M, K) float32, or float64 for float64 features.
    """
    distinct = Distinct.of(features)
    means = []
    for index in torch.arange(len(distinct.rows), device=features.device).split(QUERY_ROWS):
        means.append(_attend(index, distinct, temperature_m, block)[1])
        report("soft targets", int(index[-1]) + 1, len(distinct.rows))
    return torch.cat(means)[distinct.inverse]


def neighbour_targets(
    features: Tensor,
    num_neighbours: int,
    temperature_m: float = 0.07,
    block: int = BLOCK_ROWS,
    report: Report = lambda task, done, total: None,
) -> tuple[Tensor, LeftOut]:
    """Soft targets from each row's nearest other rows in place of all, found by faiss.

    Args:
        features: (M, K) unit rows; where they lie the search runs.
        num_neighbours: n, distinct rows; all of them give `soft_targets` exactly.

    Returns:
        (M, K) as `soft_targets`, and the softmax mass left out, against the complete bank on
        SAMPLED_ROWS rows drawn with a fixed seed.
    """
    distinct = Distinct.of(features)
    rows = distinct.rows
    means, logsumexps = [], []
    for index, found in _search(rows, min(num_neighbours + 1, len(rows)), report):
        logsumexp, mean = _attend_to(found, index, distinct, temperature_m)
        means.append(mean)
        logsumexps.append(logsumexp)
    sample = _sample(distinct)
    complete = _attend(sample, distinct, temperature_m, block)[0]
    left_out = 1 - (torch.cat(logsumexps)[sample] - complete).exp().clamp(max=1)
    summary = LeftOut(float(left_out.mean()), float(left_out.max()), len(sample))
    return torch.cat(means)[distinct.inverse], summary


@dataclass(frozen=True)
class Distinct:
    """The distinct rows of a bank.

    Attributes:
        rows: (U, K), of the bank's type.
        log_counts: (U,) float, logarithm of how often each occurs.
        inverse: (M,) int64, which distinct row each bank row is.
    """

    rows: Tensor
    log_counts: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Distinct":
        """Tell rows apart by their bits, after -0 became 0."""
        values = np.ascontiguousarray(features.cpu().numpy() + features.new_zeros(()).cpu().numpy())
        keys = values.view(np.dtype((np.void, values.strides[0]))).ravel()  # (M,)
        _, first, inverse, counts = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        log_counts = torch.from_numpy(counts).to(_accurate(features)).log()
        return cls(
            features[torch.from_numpy(first).to(features.device)],
            log_counts.to(features.device),
            torch.from_numpy(inverse).to(features.device),
        )


def _accurate(features: Tensor) -> torch.dtype:
    return torch.float64 if features.dtype == torch.float64 else torch.float32


@torch.no_grad()
def _attend(index: Tensor, distinct: Distinct, temperature: float, block: int) -> tuple[Tensor, Tensor]:
    """Logsumexp (N,) and softmax mean (N, K) over all rows but their own, of distinct rows `index` (N,)."""
    own = distinct.rows[index].to(_accurate(distinct.rows))
    query = own / temperature
    highest = query.new_full((len(query),), torch.finfo(query.dtype).min)  # finite: -inf - -inf is NaN
    total, mean = torch.zeros_like(highest), torch.zeros_like(query)
    for start in range(0, len(distinct.rows), block):
        rows = distinct.rows[start : start + block].to(query)  # (b, K)
        scores = query @ rows.T + distinct.log_counts[start : start + block]  # (N, b)
        inside = ((index >= start) & (index < start + block)).nonzero().squeeze(1)
        scores[inside, index[inside] - start] = -torch.inf
        before, highest = highest, torch.maximum(highest, scores.amax(1))
        fade = (before - highest).exp()  # what was summed so far, relative to the new maximum
        shares = scores.sub_(highest[:, None]).exp_()  # (N, b)
        total = total * fade + shares.sum(1)
        mean = (mean * fade[:, None]).addmm_(shares, rows)
    alone = (total == 0)[:, None]
    return highest + total.log(), torch.where(alone, own, mean / total[:, None])


@torch.no_grad()
def _attend_to(
    found: Tensor, index: Tensor, distinct: Distinct, temperature: float
) -> tuple[Tensor, Tensor]:
    """As `_attend`, over the rows `found` (N, n + 1) for each; -1 is none, the own row is left out."""
    own = distinct.rows[index].to(_accurate(distinct.rows))
    rows = distinct.rows[found].to(own)  # (N, n + 1, K)
    scores = (rows @ (own / temperature)[..., None]).squeeze(2) + distinct.log_counts[found]  # (N, n + 1)
    itself = found == index[:, None]
    itself[:, -1] |= ~itself.any(1)  # an approximate search missed it: then the last is one too many
    scores.masked_fill_(itself | (found < 0), -torch.inf)
    logsumexp = scores.logsumexp(1)
    mean = (scores - logsumexp[:, None]).exp()[:, None] @ rows  # (N, 1, K)
    return logsumexp, torch.where(logsumexp.isneginf()[:, None], own, mean.squeeze(1))


def _search(rows: Tensor, num: int, report: Report) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (index (N,), the `num` rows nearest to each (N, num)) for all rows, in blocks."""
    index = _faiss_index(rows, num)
    size = max(1, min(QUERY_ROWS, 2**26 // (num * rows.shape[1])))  # 2^26 gathered values at a time
    for block in torch.arange(len(rows), device=rows.device).split(size):
        found = index.search(rows[block].float().cpu().numpy(), num)[1]
        yield block, torch.from_numpy(found).to(rows.device)
        report("neighbours", int(block[-1]) + 1, len(rows))


def _faiss_index(rows: Tensor, num: int) -> faiss.Index:
    """Inner-product index of rows: exact up to FLAT_ROWS and on a GPU, an inverted file beyond."""
    on_gpu = rows.device.type == "cuda" and faiss.get_num_gpus() > 0 and num <= FAISS_GPU_NEIGHBOURS
    vectors = rows.float().cpu().numpy()
    index: faiss.Index = faiss.IndexFlatIP(vectors.shape[1])
    if on_gpu:
        index = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), rows.device.index or 0, index)
    elif len(vectors) > FLAT_ROWS:
        num_lists = int(4 * len(vectors) ** 0.5)
        index = faiss.IndexIVFFlat(index, vectors.shape[1], num_lists, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.nprobe = IVF_PROBES
    index.add(vectors)
    return index


def _sample(distinct: Distinct) -> Tensor:
    """Up to SAMPLED_ROWS bank rows drawn with a fixed seed, as numbers of distinct rows."""
    chosen = torch.randperm(len(distinct.inverse), generator=torch.Generator().manual_seed(0))
    return distinct.inverse[chosen[:SAMPLED_ROWS].to(distinct.inverse.device)]
