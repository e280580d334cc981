"""Soft contrastive distillation against a bank of features, never holding M scores: step 2 (Eq. 3-6).

Letters: N tokens of a batch (B·L), K width of the bank, M rows of the bank, P the bank.

With weights w = λ·onehot(own) + (1-λ)·s2 that sum to one, the loss of a token is
    -Σ_k w_k log s1_k  =  logsumexp_k(z·P_k/τ) - z·t/τ,    t = λ p + (1-λ) m,    m = Σ_k s2_k P_k,
so the teacher's side is one vector t per token, known before training, and the gradient
    (softmax(z·P/τ)·P - t)/τ
is an attention read. One pass over blocks of P gives loss and gradient.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from comedian.losses.attention import BLOCK_ROWS, Distinct, attend, relate_to_others
from comedian.recipes.stages import DistillRecipe


def sce_loss(
    z: Tensor,
    target: Tensor,
    bank: Tensor,
    temperature: float = DistillRecipe.temperature,
    block: int = BLOCK_ROWS,
    log_counts: Tensor | None = None,
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
        log_counts: (M,) logarithm of how often each row counts; None is once.
    """
    assert z.shape == target.shape, "one target for each token"
    assert z.shape[1] == bank.shape[1], "tokens and bank differ in width"
    assert not any(x.requires_grad for x in (target, bank)), "the teacher's side takes no gradient"
    return _StreamingSCE.apply(z, target, bank, temperature, block, log_counts)


def targets(own_features: Tensor, soft: Tensor, sce_lambda: float = DistillRecipe.sce_lambda) -> Tensor:
    """t = λ p + (1-λ) m: the own feature and the soft mean of its neighbours, (N, K) each and out."""
    return sce_lambda * own_features + (1 - sce_lambda) * soft


def sce_loss_queue(
    z: Tensor,
    features: Tensor,
    queue: Tensor,
    temperature: float = DistillRecipe.temperature,
    temperature_m: float = DistillRecipe.temperature_m,
    sce_lambda: float = DistillRecipe.sce_lambda,
    block: int = BLOCK_ROWS,
) -> Tensor:
    """The same loss where a window is contrasted with itself and a queue in place of the bank, a scalar.

    The authors' code trains this way. Soft targets and loss are those of a small bank per window, which
    is the distinct rows of the whole batch and the queue, each as often as it occurs in that bank.

    Args:
        z: (B, L, K) projections of the student, L2-normalised.
        features: (B, L, K) the teacher's feature of each token.
        queue: (M, K) teacher's features of earlier windows, may be empty.
    """
    num_tokens = features.shape[:2].numel()
    distinct = Distinct.of(torch.cat([features.flatten(0, 1), queue.to(features)]))  # of B·L + M rows
    of_windows, of_queue = distinct.inverse.split([num_tokens, len(queue)])
    losses = []
    for student, own in zip(z, of_windows.view(features.shape[:2]), strict=True):
        bank = distinct.counted_in(torch.cat([own, of_queue]))  # L + M rows
        soft = relate_to_others(own, bank, temperature_m, block)[1]
        target = targets(bank.rows[own], soft, sce_lambda)
        losses.append(sce_loss(student, target, bank.rows, temperature, block, bank.log_counts))
    return torch.stack(losses).mean()


class _StreamingSCE(torch.autograd.Function):
    """Loss and gradient from one pass over the bank; the gradient waits in the context."""

    @staticmethod
    def forward(ctx, z, target, bank, temperature, block, log_counts):
        logsumexp, mean = attend(z, bank, temperature, block, log_counts)  # (N,), (N, K)
        target = target.to(mean)
        ctx.save_for_backward((mean - target) / (temperature * len(z)))
        ctx.dtype = z.dtype
        return (logsumexp - (z.to(mean) * target).sum(1) / temperature).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return (grad_output * gradient).to(ctx.dtype), None, None, None, None, None
