"""What the tokens of a half are to say in step 3.

Letters: N frames of a half, T frames and L tokens of a window, C classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from comedian.formats.actions import Action
from comedian.formats.frames import FramesFile
from comedian.losses.spotting import TIME_SLACK, frame_labels, nearest_actions, token_labels
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import FinetuneRecipe


class Targets(NamedTuple):
    """Of a half: what each frame says, and how far the nearest actions are from the token at each frame.

    Attributes:
        labels: (N, C) float32 between 0 and 1.
        times: (N-1, C) float32 seconds from the middle of two frames; NaN where no action is in reach.
    """

    labels: Tensor
    times: Tensor

    def of_window(self, start: int, num_frames: int) -> tuple[Tensor, Tensor]:
        """Labels and times (L, C) of the tokens of a window that begins at a frame."""
        frames = slice(start, start + num_frames)
        return token_labels(self.labels[frames]), self.times[frames][::TUBELET_FRAMES]


def targets_of(file: FramesFile, actions: Sequence[Action], recipe: FinetuneRecipe) -> Targets:
    """The targets of a half that is labelled."""
    known = [action for action in actions if action.label in recipe.classes]
    labelled = (
        torch.tensor([action.position_ms / 1000 for action in known], dtype=torch.float64),
        torch.tensor([recipe.classes.index(action.label) for action in known], dtype=torch.int64),
        len(recipe.classes),
    )
    seconds = torch.from_numpy(file.seconds)
    gaps = nearest_actions((seconds[1:] + seconds[:-1]) / 2, *labelled)
    far = gaps.abs() > recipe.offset_reach_seconds + TIME_SLACK
    return Targets(
        frame_labels(seconds, *labelled, recipe.radius_seconds, recipe.sigma_seconds),
        gaps.masked_fill(far, torch.nan).float(),
    )
