"""Labels in time, mixup and the losses of action spotting: step 3 (Eq. 7), and offsets beyond the paper.

Letters: B windows, T frames of a window, L = T/2 tokens, C classes, A actions of a video.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import FinetuneRecipe

TIME_SLACK = 1e-6  # seconds; times such as 0.1 + 0.4 may miss the radius by a rounding error
OFFSET_BETA = 0.5  # seconds; smaller errors count as their squares


def nearest_actions(times, action_seconds, action_classes, num_classes: int) -> Tensor:
    """Seconds from each time to the nearest action of each class, (T, C) float64; ∞ where there is none.

    Args:
        times: (T,) seconds, float64 tensor, array or list.
        action_seconds: (A,) seconds of the actions, on the same clock.
        action_classes: (A,) class number of each action.
    """
    times = torch.as_tensor(times, dtype=torch.float64)
    actions = torch.as_tensor(action_seconds, dtype=torch.float64)
    classes = torch.as_tensor(action_classes, dtype=torch.int64)
    found = torch.full((len(times), num_classes), torch.inf, dtype=torch.float64)
    for number in classes.unique().tolist():
        gaps = actions[classes == number] - times[:, None]  # (T, actions of the class)
        found[:, number] = gaps.gather(1, gaps.abs().argmin(1, keepdim=True)).squeeze(1)
    return found


def frame_labels(
    times,
    action_seconds,
    action_classes,
    num_classes: int,
    radius_seconds: float = FinetuneRecipe.radius_seconds,
    sigma_seconds: float = 0.0,
) -> Tensor:
    """What each frame is to say of each class, (T, C) float32.

    Args:
        times, action_seconds, action_classes: as `nearest_actions` takes them.
        radius_seconds: the paper's ε: 1 within it, both ends included, else 0.
        sigma_seconds: above 0, exp(-d²/2σ²) of the nearest action's distance d in place of that.
    """
    gaps = nearest_actions(times, action_seconds, action_classes, num_classes).abs()
    if sigma_seconds:
        return torch.exp(-((gaps / sigma_seconds) ** 2) / 2).float()
    return (gaps <= radius_seconds + TIME_SLACK).float()


def token_labels(labels: Tensor) -> Tensor:
    """A token has the classes of any of its frames, (..., T, C) -> (..., L, C)."""
    assert labels.shape[-2] % TUBELET_FRAMES == 0, "a window is a whole number of tubelets"
    return labels.unflatten(-2, (-1, TUBELET_FRAMES)).amax(-2)


def spotting_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of each token and class, both terms, plain mean over B·L·C, a scalar (Eq. 7).

    Args:
        logits: (B, L, C) before the sigmoid; computed in float32 at least.
        labels: (B, L, C) between 0 and 1, mixed or not.
    """
    assert logits.shape == labels.shape, "logits and labels disagree"
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits))


def offset_loss(offsets: Tensor, targets: Tensor, share: Tensor | None = None) -> Tensor:
    """Smooth-L1 loss of the times to the actions, its sum over B·L·C, a scalar.

    Dense anchors with displacements: Soares et al., arXiv 2205.10450; T-DEED, arXiv 2404.05392.

    Args:
        offsets: (B, L, C) seconds, as the network says; computed in float32 at least.
        targets: (B, L, C) seconds; NaN where no action is near, which costs nothing.
        share: (B,) weight of each window, 1 unless mixed.
    """
    assert offsets.shape == targets.shape, "offsets and targets disagree"
    offsets = offsets if offsets.dtype == torch.float64 else offsets.float()
    near = ~targets.isnan()
    wanted = torch.where(near, targets.to(offsets), offsets.detach())  # no error, so no gradient
    losses = F.smooth_l1_loss(offsets, wanted, reduction="none", beta=OFFSET_BETA)
    if share is not None:
        losses = losses * share.to(losses).view(-1, 1, 1)
    return losses.mean()


def draw_mixup(batch: int, alpha: float, generator: torch.Generator) -> Tensor:
    """Share of itself that each sample keeps, λ ~ Beta(α, α), (B,) float32."""
    assert alpha > 0, "mixup needs alpha > 0; leave it out instead"
    seed = torch.randint(2**63 - 1, (1,), generator=generator)  # torch's Beta takes no generator
    return torch.from_numpy(np.random.default_rng(int(seed)).beta(alpha, alpha, batch)).float()


def mixup(x: Tensor, lam: Tensor, permutation: Tensor) -> Tensor:
    """Blend each sample with its partner, λ x + (1-λ) x[permutation]; x (B, ...) is a video, or labels."""
    share = lam.to(x).view(-1, *[1] * (x.ndim - 1))  # (B, 1, ...)
    return torch.lerp(x[permutation.to(x.device)], x, share)


def mix_pairs_(x: Tensor, lam: Tensor) -> None:
    """`mixup` of the neighbours 0-1, 2-3 … of x (B, ...) in place; the last of an odd number stays."""
    end, shape = len(x) // 2 * 2, (-1, *[1] * (x.ndim - 1))
    even, odd, lam = x[:end:2], x[1::2], lam.to(x)
    mixed = torch.lerp(odd, even, lam[:end:2].view(shape))
    torch.lerp(even, odd, lam[1::2].view(shape), out=odd)
    even.copy_(mixed)
