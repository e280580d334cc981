"""Soft targets of a bank's rows from their nearest neighbours, for banks too large for all (Eq. 4).

Letters: M rows of the bank, K their width, N rows at a time, n neighbours.
"""

from collections.abc import Iterator

import faiss
import torch
from torch import Tensor

from comedian.bank.soft_targets import QUERY_ROWS
from comedian.formats.bank import LeftOut
from comedian.losses.attention import BLOCK_ROWS, Distinct, relate_to_others
from comedian.progress import Report, silent
from comedian.recipes.bank import BankRecipe

FLAT_ROWS = 200_000  # beyond this, neighbours on the CPU come from an inverted file (approximate)
IVF_PROBES = 32  # lists of the inverted file that a search reads
SAMPLED_ROWS = 256  # rows whose left-out mass is computed exactly
FAISS_GPU_NEIGHBOURS = 2048  # faiss's limit on a GPU


def neighbour_targets(
    features: Tensor,
    num_neighbours: int,
    temperature_m: float = BankRecipe.temperature_m,
    block: int = BLOCK_ROWS,
    report: Report = silent,
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
        logsumexp, mean = _relate_to(found, index, distinct, temperature_m)
        means.append(mean)
        logsumexps.append(logsumexp)
    sample = _sample(distinct)
    complete = relate_to_others(sample, distinct, temperature_m, block)[0]
    left_out = 1 - (torch.cat(logsumexps)[sample] - complete).exp().clamp(max=1)
    summary = LeftOut(float(left_out.mean()), float(left_out.max()), len(sample))
    return torch.cat(means)[distinct.inverse], summary


@torch.no_grad()
def _relate_to(
    found: Tensor, index: Tensor, distinct: Distinct, temperature: float
) -> tuple[Tensor, Tensor]:
    """As `relate_to_others`, over the rows `found` (N, n + 1) of each less its own; -1 is none."""
    own = distinct.rows[index].to(distinct.log_counts)
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
