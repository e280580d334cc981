"""Instance discrimination with a momentum twin and a queue of negatives: step 1 (Eq. 1-2).

Letters: B clips, K width of a projection, M negatives in the queue.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from comedian.recipes.stages import PretrainSpatialRecipe


def info_nce(
    query: Tensor, key: Tensor, queue: Tensor, temperature: float = PretrainSpatialRecipe.temperature
) -> Tensor:
    """How badly each query picks its own key out of the queue, a scalar (Eq. 1).

    Args:
        query: (B, K) predictions of the online branch, L2-normalised.
        key: (B, K) projections of the momentum branch, row i the positive of query i, L2-normalised.
        queue: (M, K) negatives, L2-normalised, as they were before these keys enter.
        temperature: τ. Scores are float32 (float64 for float64 queries), also under autocast.
    """
    assert query.shape == key.shape, "one key for each query"
    assert query.shape[1] == queue.shape[1], "queries and queue differ in width"
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    query, key, queue = query.to(dtype), key.to(dtype), queue.to(dtype)
    with torch.autocast(query.device.type, enabled=False):
        positive = (query * key).sum(1, keepdim=True)  # (B, 1)
        logits = torch.cat([positive, query @ queue.T], dim=1) / temperature  # (B, 1+M)
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.int64, device=query.device))


def moco_loss(
    q1: Tensor,
    q2: Tensor,
    k1: Tensor,
    k2: Tensor,
    queue: Tensor,
    temperature: float = PretrainSpatialRecipe.temperature,
) -> Tensor:
    """Mean of both directions, each view predicting the other view's key, a scalar (Eq. 2).

    Args:
        q1, q2: (B, K) online predictions of views 1 and 2, L2-normalised.
        k1, k2: (B, K) momentum projections of views 1 and 2, L2-normalised.
        queue: (M, K) negatives, L2-normalised.
    """
    return (info_nce(q1, k2, queue, temperature) + info_nce(q2, k1, queue, temperature)) / 2
