"""COMEDIAN as a whole: spatial transformer, temporal transformer, heads (section 3.1).

Letters: B windows, T frames, L = T/2 tokens, D width, C classes, H × W pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from comedian.errors import InputError
from comedian.formats.frames import Geometry
from comedian.models import vivit
from comedian.models.heads import CLASSES, OFFSETS, TokenHeads
from comedian.models.spatial import SpatialEncoder, build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import MEAN, STD, ModelRecipe
from comedian.recipes.stages import SpotRecipe


class Spotter(nn.Module):
    """Video in, one logit a token and class out.

    Attributes:
        spatial, temporal, heads: its parts.
        recipe: its ModelRecipe.
        classes: names of the C classes, in the order of the logits.
        offset_reach_seconds: how far an action may be from the token that tells the time to it; 0 is a
            spotter that tells no such times, as the paper's.
        geometry: the stored frames it was trained on, before the resize; None before training.
        mean, std: normalisation of pixels in 0..1, one number for all channels.
        spot: how its windows slide over a half.
        jpeg_quality: of the JPEGs that pictures of videos are made first, as it knows them; 0 for none.
    """

    geometry: Geometry | None = None
    spot = SpotRecipe()
    jpeg_quality = 0
    mean, std = MEAN, STD

    def __init__(self, recipe: ModelRecipe, classes: Sequence[str], offset_reach_seconds: float = 0.0):
        super().__init__()
        self.recipe, self.classes = recipe, tuple(classes)
        self.offset_reach_seconds = offset_reach_seconds
        self.spatial = build_spatial(recipe)
        self.temporal = TemporalTransformer(recipe)
        number = len(self.classes)
        offsets = number if offset_reach_seconds else 0
        self.heads = TokenHeads(recipe.embed_dim, {CLASSES: number, OFFSETS: offsets})

    @property
    def trained_on(self) -> Geometry:
        """`geometry`, which a spotter has that was trained or loaded."""
        assert self.geometry is not None, "a spotter that has seen no frames"
        return self.geometry

    def forward(self, video: Tensor, mask: Tensor | None = None) -> Tensor:
        """Video (B, 3, T, H, W), normalised, to logits (B, L, C).

        Args:
            mask: bool (B, L); these tubelets are not looked at, a mask token takes their place.
        """
        return self.outputs(video, mask)[CLASSES]

    def outputs(self, video: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """As `forward`, with all that the heads say, by name.

        `CLASSES` are logits, and `OFFSETS` seconds from a token to the action, both (B, L, C).
        """
        keep = None if mask is None else ~mask
        return self.read(self.spatial(video, keep), mask)

    def read(self, tokens: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """What the heads say of spatial tokens (B, L, D) of windows, as `outputs`."""
        return self.heads(self.temporal(tokens, mask))

    def classify(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Spatial tokens (B, L, D) of a window to logits (B, L, C)."""
        return self.read(tokens, mask)[CLASSES]


@torch.no_grad()
def copy_temporal_from_spatial(spatial: SpatialEncoder, temporal: TemporalTransformer) -> None:
    """Start temporal block i from spatial block i, and the final norm from the spatial one.

    So do ViViT and the authors' code.

    Raises:
        InputError: the spatial transformer is no ViViT, or has fewer blocks than the temporal one.
    """
    if not isinstance(spatial, vivit.Spatial):
        raise InputError(
            f"temporal blocks start from a ViViT's spatial ones, {spatial.recipe.backbone} has none",
            remedy="--set copy_temporal=false",
        )
    if len(temporal.blocks) > len(spatial.blocks):
        raise InputError(
            f"{len(temporal.blocks)} temporal blocks cannot start from {len(spatial.blocks)} spatial ones",
            remedy="--set copy_temporal=false, or lower model.temporal_depth",
        )
    for ours, theirs in zip(temporal.blocks, spatial.blocks, strict=False):
        ours.load_state_dict(theirs.state_dict())
    temporal.norm.load_state_dict(spatial.norm.state_dict())
