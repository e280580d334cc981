"""Labels in time, mixup and the loss of action spotting: step 3 (Eq. 7).

Letters: B windows, T frames of a window, L = T/2 tokens, C classes, A actions of a video.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import FinetuneRecipe

TIME_SLACK = 1e-6  # seconds; times such as 0.1 + 0.4 may miss the radius by a rounding error


def frame_labels(
    times,
    action_seconds,
    action_classes,
    num_classes: int,
    radius_seconds: float = FinetuneRecipe.radius_seconds,
) -> Tensor:
    """Which classes act within the radius of each frame, both ends included, (T, C) float32 of 0 and 1.

    Args:
        times: (T,) seconds of the frames, float64 tensor, array or list.
        action_seconds: (A,) seconds of the actions, on the same clock.
        action_classes: (A,) class number of each action.
        radius_seconds: the paper's ε.
    """
    times = torch.as_tensor(times, dtype=torch.float64)
    actions = torch.as_tensor(action_seconds, dtype=torch.float64)
    classes = torch.as_tensor(action_classes, dtype=torch.int64)
    near = (times[:, None] - actions).abs() <= radius_seconds + TIME_SLACK  # (T, A)
    counts = near.float() @ F.one_hot(classes, num_classes).float()  # (T, C)
    return (counts > 0).float()


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


def draw_mixup(batch: int, alpha: float, generator: torch.Generator) -> Tensor:
    """Share of itself that each sample keeps, λ ~ Beta(α, α), (B,) float32."""
    assert alpha > 0, "mixup needs alpha > 0; leave it out instead"
    seed = torch.randint(2**63 - 1, (1,), generator=generator)  # torch's Beta takes no generator
    return torch.from_numpy(np.random.default_rng(int(seed)).beta(alpha, alpha, batch)).float()


def mixup(video: Tensor, labels: Tensor, lam: Tensor, permutation: Tensor) -> tuple[Tensor, Tensor]:
    """Blend each sample with its partner, λ x + (1-λ) x[permutation]; video (B, ...), labels (B, ...)."""
    return _blend(video, lam, permutation), _blend(labels, lam, permutation)


def _blend(x: Tensor, lam: Tensor, permutation: Tensor) -> Tensor:
    share = lam.to(x).view(-1, *[1] * (x.ndim - 1))  # (B, 1, ...)
    return torch.lerp(x[permutation.to(x.device)], x, share)
