"""ViSwin's spatial transformer: a 2-D Swin over the patches of one tubelet.

Letters: N tubelets, D width of the last stage, h × w patches, H × W pixels.
"""

from timm.models.swin_transformer import SwinTransformerStage, WindowAttention
from torch import Tensor, nn

from comedian.models.blocks import LayerNorm, TubeletEmbed, drop_path_rates, init_linear
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.model import ModelRecipe


class Spatial(SpatialEncoder):
    """Swin whose mean over the last stage's positions is the tubelet's token; named as in timm."""

    def __init__(self, recipe: ModelRecipe):
        super().__init__(recipe)
        self.patch_embed = TubeletEmbed(recipe.stage_width(0), recipe.patch_size, norm=True)
        rates = drop_path_rates(recipe.drop_path, sum(recipe.swin_depths))
        self.layers = nn.Sequential(
            *(_stage(recipe, stage, rates) for stage in range(len(recipe.swin_depths)))
        )
        self.norm = LayerNorm(recipe.embed_dim)
        self.apply(init_linear)
        self.apply(_fuse_attention)

    def encode(self, tubelets: Tensor) -> Tensor:
        """Tubelets (N, 3, 2, H, W), normalised, to tokens (N, D)."""
        x = self.layers(self.patch_embed(tubelets))  # (N, h, w, D), 7 × 7 from 224 pixels
        return self.norm(x).mean(dim=(1, 2))  # (N, D)


def _stage(recipe: ModelRecipe, stage: int, rates: list[float]) -> SwinTransformerStage:
    """Stage `stage` from 0; all but the first begin by merging 2 × 2 patches."""
    merges = stage > 0
    shift = max(stage - 1, 0)  # the resolution that enters is that of the stage before
    first = sum(recipe.swin_depths[:stage])
    return SwinTransformerStage(
        dim=recipe.stage_width(shift),
        out_dim=recipe.stage_width(stage),
        input_resolution=(
            recipe.image_height // recipe.patch_size >> shift,
            recipe.image_width // recipe.patch_size >> shift,
        ),
        depth=recipe.swin_depths[stage],
        downsample=merges,
        num_heads=recipe.swin_heads[stage],
        window_size=recipe.swin_window,
        mlp_ratio=recipe.mlp_ratio,
        drop_path=rates[first : first + recipe.swin_depths[stage]],
        norm_layer=LayerNorm,
    )


def _fuse_attention(module: nn.Module) -> None:
    """For `Module.apply`: the same attention in one kernel, which timm leaves off by default."""
    if isinstance(module, WindowAttention):
        setattr(module, "fused_attn", True)  # noqa: B010 (timm calls it final)
