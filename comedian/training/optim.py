"""AdamW with the paper's decay groups."""

import torch
from torch import nn

from comedian.recipes.stages import OptimRecipe

UNDECAYED = ("cls_token", "mask_token", "pos_embed", "time_embed", "relative_position_bias_table")


def decay_groups(module: nn.Module, weight_decay: float) -> list[dict]:
    """Trainable parameters in two groups: decayed; and biases, norms, embeddings, tokens, undecayed."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, value in module.named_parameters():
        if value.requires_grad:
            groups[value.ndim > 1 and not name.endswith(UNDECAYED)].append(value)
    return [
        {"params": groups[True], "weight_decay": weight_decay},
        {"params": groups[False], "weight_decay": 0.0},
    ]


def adamw(module: nn.Module, optim: OptimRecipe, device: torch.device) -> torch.optim.AdamW:
    """AdamW over a module's trainable parameters; the loop sets its learning rate at every step."""
    groups = decay_groups(module, optim.weight_decay)
    return torch.optim.AdamW(groups, lr=0.0, fused=device.type == "cuda")
