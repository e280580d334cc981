"""ViViT's spatial transformer: a ViT over the patches of one tubelet.

Letters: N tubelets, P patches of a tubelet, D width, H × W pixels.
"""

import torch
from torch import Tensor, nn

from comedian.models.blocks import INIT_STD, LayerNorm, TubeletEmbed, init_linear, transformer_blocks
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.model import ModelRecipe


class Spatial(SpatialEncoder):
    """ViT whose class token is the tubelet's token; parameters are named as timm names them."""

    def __init__(self, recipe: ModelRecipe):
        super().__init__(recipe)
        width, patch = recipe.embed_dim, recipe.patch_size
        num_patches = (recipe.image_height // patch) * (recipe.image_width // patch)  # P
        self.patch_embed = TubeletEmbed(width, patch, norm=False)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + num_patches, width))
        self.blocks = transformer_blocks(
            width, recipe.depth, recipe.num_heads, recipe.mlp_ratio, recipe.drop_path
        )
        self.norm = LayerNorm(width)
        self.apply(init_linear)
        nn.init.trunc_normal_(self.cls_token, std=INIT_STD)
        nn.init.trunc_normal_(self.pos_embed, std=INIT_STD)

    def encode(self, tubelets: Tensor) -> Tensor:
        """Tubelets (N, 3, 2, H, W), normalised, to tokens (N, D).

        The last block makes the class token alone: nobody reads what it would make of patches.
        """
        patches = self.patch_embed(tubelets).flatten(1, 2)  # (N, P, D)
        cls_token = self.cls_token.expand(patches.shape[0], -1, -1)
        x = torch.cat([cls_token, patches], dim=1) + self.pos_embed  # (N, 1 + P, D)
        *blocks, last = self.blocks
        for block in blocks:
            x = block(x)
        return self.norm(last(x, num_queries=1)[:, 0])  # (N, D)
