"""The temporal transformer: tokens of a window look at each other (section 3.1).

Letters: B windows, L tokens of a window, D width.
"""

import torch
from torch import Tensor, nn

from comedian.data.transfer import carried
from comedian.models.blocks import INIT_STD, LayerNorm, init_linear, transformer_blocks
from comedian.recipes.model import ModelRecipe


class TemporalTransformer(nn.Module):
    """Mask token, time embedding, blocks and norm."""

    def __init__(self, recipe: ModelRecipe):
        super().__init__()
        self.recipe = recipe.validate()
        width = recipe.embed_dim
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.time_embed = nn.Parameter(torch.zeros(1, recipe.num_tokens, width))
        self.blocks = transformer_blocks(
            width, recipe.temporal_depth, recipe.temporal_heads, recipe.mlp_ratio, recipe.drop_path
        )
        self.norm = LayerNorm(width)
        self.apply(init_linear)
        nn.init.trunc_normal_(self.time_embed, std=INIT_STD)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens (B, L, D) to tokens (B, L, D).

        Args:
            mask: bool (B, L), here or on the CPU; these tokens are replaced by the mask token, before the
                time embedding.

        Raises:
            ValueError: L exceeds the recipe's `num_tokens`; fewer use the first time embeddings.
        """
        length = tokens.shape[1]
        if length > self.recipe.num_tokens:
            raise ValueError(f"{length} tokens, but the time embedding ends at {self.recipe.num_tokens}")
        if mask is not None:
            mask = mask if mask.device == tokens.device else carried(mask, tokens.device)
            tokens = torch.where(mask[..., None], self.mask_token.to(tokens.dtype), tokens)
        return self.norm(self.blocks(tokens + self.time_embed[:, :length]))
