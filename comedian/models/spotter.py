"""COMEDIAN as a whole: spatial transformer, then temporal transformer (section 3.1).

Letters: B windows, T frames, L = T/2 tokens, D width, C classes, H × W pixels.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from comedian.errors import InputError
from comedian.formats.checkpoint import Header
from comedian.formats.frames import Geometry
from comedian.models.spatial import SpatialEncoder
from comedian.models.swin import SwinSpatial
from comedian.models.temporal import TemporalTransformer
from comedian.models.vit import ViTSpatial
from comedian.recipes.model import ModelRecipe
from comedian.recipes.resolve import merge
from comedian.recipes.stages import SpotRecipe


class Spotter(nn.Module):
    """Video in, one logit a token and class out.

    Attributes:
        spatial, temporal: its two transformers; the head is `temporal.head`.
        recipe: its ModelRecipe.
        classes: names of the C classes, in the order of the logits.
        geometry: the stored frames it was trained on, before the resize; None before training.
        mean, std: normalisation of pixels in 0..1, one number for all channels.
        spot: how its windows slide over a half.
    """

    geometry: Geometry | None = None
    spot = SpotRecipe()
    mean, std = 0.45, 0.225

    def __init__(self, recipe: ModelRecipe, classes: Sequence[str]):
        super().__init__()
        self.recipe, self.classes = recipe, tuple(classes)
        self.spatial = build_spatial(recipe)
        self.temporal = TemporalTransformer(recipe, len(self.classes))

    def forward(self, video: Tensor, mask: Tensor | None = None) -> Tensor:
        """Video (B, 3, T, H, W), normalised, to logits (B, L, C).

        Args:
            mask: bool (B, L); these tubelets are not looked at, a mask token takes their place.
        """
        keep = None if mask is None else ~mask
        return self.temporal(self.spatial(video, keep), mask)


def described_spotter(header: Header, path: str | Path) -> Spotter:
    """A spotter as the header of a weights file, `path`, describes it, still with random weights."""
    spotter = Spotter(header.model, header.classes)
    spotter.geometry, spotter.mean, spotter.std = header.geometry, header.mean, header.std
    spotter.spot = merge(SpotRecipe(), header.recipe.get("spot", {}), str(path))
    return spotter


def build_spatial(recipe: ModelRecipe) -> SpatialEncoder:
    """The recipe's spatial transformer with random weights; InputError if it cannot be built."""
    recipe.validate()
    return ViTSpatial(recipe) if recipe.backbone == "vivit" else SwinSpatial(recipe)


@torch.no_grad()
def copy_temporal_from_spatial(spatial: SpatialEncoder, temporal: TemporalTransformer) -> None:
    """Start temporal block i from spatial block i, and the final norm from the spatial one (ViViT, ref).

    Raises:
        InputError: the spatial transformer is a Swin, or has fewer blocks than the temporal one.
    """
    if not isinstance(spatial, ViTSpatial):
        raise InputError(
            "a ViSwin's temporal blocks cannot start from its spatial ones",
            remedy="set copy_temporal = false",
        )
    if len(temporal.blocks) > len(spatial.blocks):
        raise InputError(
            f"{len(temporal.blocks)} temporal blocks cannot start from {len(spatial.blocks)} spatial ones",
            remedy="set copy_temporal = false, or lower model.temporal_depth",
        )
    for ours, theirs in zip(temporal.blocks, spatial.blocks, strict=False):
        ours.load_state_dict(theirs.state_dict())
    temporal.norm.load_state_dict(spatial.norm.state_dict())
