"""What one process sees of an epoch's clips, and of what is drawn for a batch of all processes.

Letters: B clips of this process, T frames of a clip, H × W stored frame, h × w image the network sees.
"""

import numpy as np
import torch
from torch import Tensor

from comedian import distributed
from comedian.data.augment import apply, draw
from comedian.recipes.augment import AugmentRecipe
from comedian.recipes.model import ModelRecipe


def shuffled_batches(clips: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """This process's part of every whole batch of shuffled clips (n, 2), int64 (steps, B, 2).

    Args:
        batch_size: clips of all processes together; what is left over is dropped.
    """
    steps = len(clips) // batch_size
    chosen = rng.permutation(clips)[: steps * batch_size].reshape(steps, batch_size, 2)
    return chosen[:, distributed.local_slice(batch_size)]


def random_view(
    frames: Tensor, view: AugmentRecipe, model: ModelRecipe, generator: torch.Generator
) -> Tensor:
    """A random view of this process's clips, uint8 (B, T, H, W, 3) to float32 (B, 3, T, h, w)."""
    draws = draw(view, len(frames) * distributed.world_size(), generator)
    return apply(frames, distributed.own_share(draws), (model.image_height, model.image_width))
