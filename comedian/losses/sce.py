"""Soft contrastive distillation against a bank of features, never holding M scores: step 2 (Eq. 3-6).

Letters: N tokens of a batch (B·L), K width of the bank, M rows of the bank, P the bank.

With weights w = λ·onehot(own) + (1-λ)·s2 that sum to one, the loss of a token is
    -Σ_k w_k log s1_k  =  logsumexp_k(z·P_k/τ) - z·t/τ,    t = λ p + (1-λ) m,    m = Σ_k s2_k P_k,
so the teacher's side is one vector t per token, known before training, and the gradient
    (softmax(z·P/τ)·P - t)/τ
is an attention read. One pass over blocks of P gives loss and gradient.
"""

import itertools

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_ROWS = 8192  # bank rows in flight; N x BLOCK_ROWS scores are held at a time
QUERY_ROWS = 2048  # tokens in flight where N may be as large as the bank


def sce_loss(
    z: Tensor, target: Tensor, bank: Tensor, temperature: float = 0.1, block: int = BLOCK_ROWS
) -> Tensor:
    """Mean cross-entropy between the target relations and the student's over the complete bank, a scalar.

    Sums are float32 (float64 for float64 z) whatever the bank's type, also under autocast. Nothing of
    size M is made; the bank may lie on another device than z, then one block at a time travels.

    Args:
        z: (N, K) projections of the student, L2-normalised; the only input with a gradient.
        target: (N, K) from `targets`.
        bank: (M, K) unit rows.
        temperature: τ.
        block: bank rows in flight; changes memory and rounding only.
    """
    assert z.shape == target.shape, "one target for each token"
    assert z.shape[1] == bank.shape[1], "tokens and bank differ in width"
    assert not any(x.requires_grad for x in (target, bank)), "the teacher's side takes no gradient"
    return _StreamingSCE.apply(z, target, bank, temperature, block)


def targets(own_features: Tensor, soft: Tensor, sce_lambda: float = 0.5) -> Tensor:
    """t = λ p + (1-λ) m: the own feature and the soft mean of its neighbours, (N, K) each and out."""
    return sce_lambda * own_features + (1 - sce_lambda) * soft


def soft_targets(
    features: Tensor,
    bank: Tensor,
    own: Tensor,
    temperature_m: float = 0.07,
    groups: Tensor | None = None,
    block: int = BLOCK_ROWS,
) -> Tensor:
    """m_i = Σ_k s2_ik P_k, the softmax mean over the bank without rows equal to the token's own (Eq. 4).

    Exact, in blocks: QUERY_ROWS x block scores are held at a time. A token whose bank holds nothing but
    its own feature has no neighbours and keeps that feature.

    Args:
        features: (N, K) the teacher's feature of each token.
        bank: (M, K) unit rows.
        own: (N,) int64, a bank row equal to each token's feature.
        temperature_m: τ_m.
        groups: (M,) `equal_row_groups(bank)`; give it when calling more than once.

    Returns:
        (N, K) float32, or float64 for float64 features.
    """
    assert features.shape == (len(own), bank.shape[1]), "features, own and bank disagree"
    groups = (equal_row_groups(bank) if groups is None else groups).to(features.device)
    own_groups, means = groups[own.to(groups.device)], []
    for query, mine in zip(features.split(QUERY_ROWS), own_groups.split(QUERY_ROWS), strict=True):
        logsumexp, mean = _attend(query, bank, temperature_m, block, skip=(mine, groups))
        means.append(torch.where(logsumexp.isneginf()[:, None], query.to(mean), mean))
    return torch.cat(means)


def equal_row_groups(bank: Tensor, block: int = BLOCK_ROWS) -> Tensor:
    """Number the distinct rows of a bank; equal rows share a number, (M, K) -> (M,) int64.

    Rows are told apart by a 64-bit hash, then each is compared with the first of its group; should two
    different rows ever share a hash, another is drawn.
    """
    for seed in itertools.count():
        generator = torch.Generator().manual_seed(seed)
        factors = torch.randint(-(2**62), 2**62, _bits(bank[0]).shape, generator=generator) * 2 + 1  # odd
        factors = factors.to(bank.device)
        keys = torch.cat([(_bits(rows).long() * factors).sum(1) for rows in bank.split(block)])
        groups = torch.unique(keys, return_inverse=True)[1]  # (M,)
        if _groups_are_exact(bank, groups, block):
            return groups
    raise AssertionError("unreachable")


def sce_loss_queue(
    z: Tensor,
    features: Tensor,
    queue: Tensor,
    temperature: float = 0.1,
    temperature_m: float = 0.05,
    sce_lambda: float = 0.5,
    block: int = BLOCK_ROWS,
) -> Tensor:
    """The same loss where a window is contrasted with itself and a queue in place of the bank, a scalar.

    The authors' code trains this way. It is `soft_targets` and `sce_loss` with a small bank per window,
    so the soft targets are computed at each step.

    Args:
        z: (B, L, K) projections of the student, L2-normalised.
        features: (B, L, K) the teacher's feature of each token.
        queue: (M, K) teacher's features of earlier windows, may be empty.
    """
    num_windows, length, _ = z.shape
    groups = equal_row_groups(torch.cat([features.flatten(0, 1), queue.to(features)]))  # (B·L+M,)
    of_windows, of_queue = groups[: num_windows * length].split(length), groups[num_windows * length :]
    own, losses = torch.arange(length, device=z.device), []
    for student, teacher, mine in zip(z, features, of_windows, strict=True):
        candidates = torch.cat([teacher, queue.to(teacher)])  # (L+M, K)
        soft = soft_targets(teacher, candidates, own, temperature_m, torch.cat([mine, of_queue]), block)
        losses.append(sce_loss(student, targets(teacher, soft, sce_lambda), candidates, temperature, block))
    return torch.stack(losses).mean()


class _StreamingSCE(torch.autograd.Function):
    """Loss and gradient from one pass over the bank; the gradient waits in the context."""

    @staticmethod
    def forward(ctx, z, target, bank, temperature, block):
        logsumexp, mean = _attend(z, bank, temperature, block)  # (N,), (N, K)
        target = target.to(mean)
        ctx.save_for_backward((mean - target) / (temperature * len(z)))
        ctx.dtype = z.dtype
        return (logsumexp - (z.to(mean) * target).sum(1) / temperature).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return (grad_output * gradient).to(ctx.dtype), None, None, None, None


@torch.no_grad()
def _attend(query, bank, temperature, block, skip=None):
    """Logsumexp (N,) and softmax mean (N, K) of query·bank/τ over the rows of the bank, block by block.

    `skip` = (group of each query (N,), group of each bank row (M,)): rows of the query's own group take no
    part. A query with no row left has logsumexp -inf and a mean of NaN.
    """
    query = query.to(torch.float64 if query.dtype == torch.float64 else torch.float32) / temperature
    highest = query.new_full((len(query),), torch.finfo(query.dtype).min)  # finite: -inf - -inf is NaN
    total, mean = torch.zeros_like(highest), torch.zeros_like(query)
    with torch.autocast(query.device.type, enabled=False):
        for start in range(0, len(bank), block):
            rows = bank[start : start + block].to(query)  # (b, K)
            scores = query @ rows.T  # (N, b)
            if skip is not None:
                scores.masked_fill_(skip[0][:, None] == skip[1][start : start + block], -torch.inf)
            before, highest = highest, torch.maximum(highest, scores.amax(1))
            fade = (before - highest).exp()  # what was summed so far, relative to the new maximum
            shares = scores.sub_(highest[:, None]).exp_()  # (N, b)
            total = total * fade + shares.sum(1)
            mean = (mean * fade[:, None]).addmm_(shares, rows)
    return highest + total.log(), mean / total[:, None]


def _bits(rows: Tensor) -> Tensor:
    """The rows' bits as int16, (..., K) -> (..., K'), after -0 has become its equal 0.

    Wider pieces could differ in their high bits alone, and a product keeps too little of those.
    """
    return (rows + 0.0).view(torch.int16)


def _groups_are_exact(bank: Tensor, groups: Tensor, block: int) -> bool:
    """Whether each row equals the first row of its group."""
    index = torch.arange(len(bank), device=bank.device)
    first = torch.zeros_like(index).scatter_reduce_(0, groups, index, "amin", include_self=False)[groups]
    pairs = zip(bank.split(block), first.split(block), strict=True)
    return all(torch.equal(_bits(rows), _bits(bank[firsts])) for rows, firsts in pairs)
