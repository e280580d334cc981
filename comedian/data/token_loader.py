"""Batches of windows of tokens that a frozen encoder has made.

Letters: B windows of a batch, V views, L tokens of a window, D' width of a feature.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from comedian.formats.tokens import TokensFile
from comedian.recipes.model import TUBELET_FRAMES


class TokenLoader:
    """Reads windows as `ClipLoader` decodes clips; one that begins between two tokens takes the earlier."""

    def __init__(self, files: Sequence[Sequence[TokensFile]], num_frames: int):
        """`files` are the views of each half, `num_frames` the frames of a window."""
        self.files, self.num_tokens = files, num_frames // TUBELET_FRAMES

    def batches(self, batches: Sequence[np.ndarray] | np.ndarray) -> Iterator[torch.Tensor]:
        """Yield float16 (B, V, L, D') for each array of clips (B, 2)."""
        for clips in batches:
            yield torch.from_numpy(
                np.stack([self._window(half, start // TUBELET_FRAMES) for half, start in clips])
            )

    def _window(self, half: int, first: int) -> np.ndarray:
        return np.stack([view.read(first, self.num_tokens) for view in self.files[half]])

    def close(self) -> None:
        """As `ClipLoader`'s; nothing is held."""
