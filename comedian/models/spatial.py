"""The spatial half of COMEDIAN: every tubelet of 2 frames becomes one token on its own (section 3.1).

Letters: B windows, T frames, L = T/2 tokens, N tubelets, D width, H × W pixels.
"""

from importlib import import_module

from torch import Tensor, nn

from comedian.data.transfer import carried
from comedian.recipes.model import TUBELET_FRAMES, ModelRecipe


class SpatialEncoder(nn.Module):
    """A spatial transformer; a subclass says how it encodes tubelets.

    Attributes:
        recipe: its ModelRecipe.
        neck: makes tokens of features, where those have another width; it is trained with the temporal
            transformer when the rest is frozen.
    """

    neck: nn.Module

    def __init__(self, recipe: ModelRecipe):
        super().__init__()
        self.recipe = recipe.validate()
        self.neck = nn.Identity()

    def encode(self, tubelets: Tensor) -> Tensor:
        """Tubelets (N, 3, 2, H, W), normalised, to tokens (N, D)."""
        raise NotImplementedError

    def features(self, tubelets: Tensor) -> Tensor:
        """What `neck` makes tokens of, (N, D'): here the tokens themselves."""
        return self.encode(tubelets)

    def forward(self, video: Tensor, keep: Tensor | None = None) -> Tensor:
        """Video (B, 3, T, H, W), normalised, to tokens (B, L, D).

        Args:
            keep: bool (B, L); the other tubelets are not computed, their tokens are zeros. On the CPU it
                spares the host a wait for a device.
        """
        batch, _, num_frames = video.shape[:3]
        assert num_frames % TUBELET_FRAMES == 0, f"{num_frames} frames are not whole tubelets"
        length = num_frames // TUBELET_FRAMES
        tubelets = video.unflatten(2, (length, TUBELET_FRAMES)).transpose(1, 2)  # (B, L, 3, 2, H, W)
        if keep is None:
            return self.encode(tubelets.flatten(0, 1)).unflatten(0, (batch, length))
        tokens = video.new_zeros(batch, length, self.recipe.embed_dim)
        places = keep.nonzero(as_tuple=True)  # windows (N,), tubelets (N,)
        places = places if keep.device == video.device else carried(places, video.device)
        kept = tubelets[places]  # (N, 3, 2, H, W)
        if not len(kept):
            return tokens
        encoded = self.encode(kept)
        return tokens.to(encoded.dtype).index_put(places, encoded)


def build_spatial(recipe: ModelRecipe) -> SpatialEncoder:
    """The recipe's spatial transformer with random weights: class `Spatial` of the backbone's own module.

    Raises:
        InputError: such a network cannot be built.
    """
    recipe.validate()
    network: SpatialEncoder = import_module(f"comedian.models.{recipe.backbone_kind}").Spatial(recipe)
    return network
