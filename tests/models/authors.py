"""The authors' networks, written anew and naively, under their names; files of theirs are made here.

Letters: B windows, T frames, L tokens, D width, h heads, w window edge, p patch size.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def layer_norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)


class Attention(nn.Module):
    """Softmax attention, one head after the other; `bias` (h, n, n) is added to the scores."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        queries, keys, values = self.qkv(x).chunk(3, dim=-1)
        size, outputs = x.shape[-1] // self.heads, []
        for head in range(self.heads):
            part = slice(head * size, (head + 1) * size)
            scores = queries[..., part] @ keys[..., part].transpose(-1, -2) / size**0.5
            if bias is not None:
                scores = scores + bias[..., head, :, :]
            outputs.append(scores.softmax(-1) @ values[..., part])
        return self.proj(torch.cat(outputs, dim=-1))


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1, self.norm2 = layer_norm(width), layer_norm(width)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def attended(self, x: Tensor) -> Tensor:
        return self.attn(x)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attended(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class WindowBlock(Block):
    """A Swin block on a square grid: windows of w × w patches, shifted on a torus with a mask."""

    def __init__(self, width: int, heads: int, grid: int, window: int, shift: int):
        super().__init__(width, heads)
        self.grid, self.window, self.shift = grid, window, shift
        self.attn.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        place = torch.cartesian_prod(torch.arange(window), torch.arange(window))  # (w², 2)
        offset = place[:, None] - place[None] + window - 1  # (w², w², 2)
        self.attn.register_buffer(
            "relative_position_index", offset[..., 0] * (2 * window - 1) + offset[..., 1]
        )
        if shift:
            self.register_buffer("attn_mask", self.mask())

    def mask(self) -> Tensor:
        """(windows, w², w²): −100 where two patches of a window were no neighbours before the shift."""
        side = torch.arange(self.grid)
        region = (side >= self.grid - self.window).int() + (side >= self.grid - self.shift).int()
        regions = (3 * region[:, None] + region)[None, :, :, None]
        inside = self.windows(regions)[..., 0]  # (windows, w²)
        return (inside[:, :, None] != inside[:, None, :]) * -100.0

    def windows(self, x: Tensor) -> Tensor:
        """(N, grid, grid, D) to (N · windows, w², D), row by row."""
        rows = [row for image in x for row in image.split(self.window, dim=0)]
        return torch.stack([cell.flatten(0, 1) for row in rows for cell in row.split(self.window, dim=1)])

    def images(self, windows: Tensor, number: int) -> Tensor:
        """The inverse of `windows`."""
        cells = windows.unflatten(1, (self.window, self.window))
        side = self.grid // self.window
        rows = [torch.cat(list(row), dim=1) for row in cells.split(side)]
        return torch.stack([torch.cat(rows[n * side : (n + 1) * side], dim=0) for n in range(number)])

    def attended(self, x: Tensor) -> Tensor:
        number = len(x)
        x = x.unflatten(1, (self.grid, self.grid)).roll((-self.shift, -self.shift), dims=(1, 2))
        bias = self.attn.relative_position_bias_table[self.attn.relative_position_index].permute(2, 0, 1)
        windows = self.windows(x)
        if self.shift:
            bias = (bias + self.attn_mask[:, None]).repeat(number, 1, 1, 1)  # (N · windows, h, w², w²)
        x = self.images(self.attn(windows, bias), number)
        return x.roll((self.shift, self.shift), dims=(1, 2)).flatten(1, 2)


class Merging(nn.Module):
    """Patches of 2 × 2 side by side: the left column of each, then the right one."""

    def __init__(self, width: int, grid: int):
        super().__init__()
        self.grid, self.norm = grid, layer_norm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(1, (self.grid, self.grid))
        parts = x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]
        return self.reduction(self.norm(torch.cat(parts, dim=-1).flatten(1, 2)))


class Stage(nn.Module):
    """Blocks and, but for the last stage, the merging at their end."""

    def __init__(self, width: int, depth: int, heads: int, grid: int, window: int, last: bool):
        super().__init__()
        whole = grid <= window
        shifts = [0 if whole or number % 2 == 0 else window // 2 for number in range(depth)]
        self.blocks = nn.Sequential(
            *(WindowBlock(width, heads, grid, min(window, grid), shift) for shift in shifts)
        )
        self.downsample = None if last else Merging(width, grid)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(x)
        return x if self.downsample is None else self.downsample(x)


class Swin(nn.Module):
    def __init__(self, width: int, depths, heads, grid: int, window: int):
        super().__init__()
        self.layers = nn.Sequential(
            *(
                Stage(width << stage, depth, heads[stage], grid >> stage, window, stage == len(depths) - 1)
                for stage, depth in enumerate(depths)
            )
        )
        self.norm = layer_norm(width << (len(depths) - 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.layers(x))


class Blocks(nn.Module):
    def __init__(self, width: int, depth: int, heads: int):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = layer_norm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.blocks(x))


class Patches(nn.Module):
    def __init__(self, width: int, patch: int, norm: bool):
        super().__init__()
        self.proj = nn.Conv3d(3, width, (2, patch, patch), stride=(2, patch, patch))
        self.norm = layer_norm(width) if norm else nn.Identity()

    def forward(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) to (B · L, P, D)."""
        return self.norm(self.proj(video).transpose(1, 2).flatten(0, 1).flatten(2).transpose(1, 2))


class Temporal(nn.Module):
    """What both trunks have: time embedding and temporal transformer; the mask token is of training."""

    def __init__(self, width: int, length: int, depth: int, heads: int):
        super().__init__()
        self.length = length
        self.temporal_mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.time_embed = nn.Parameter(torch.zeros(1, length, width))
        self.temporal_transformer = Blocks(width, depth, heads)

    def forward(self, video: Tensor) -> Tensor:
        tokens = self.spatial(video).unflatten(0, (-1, self.length))
        return self.temporal_transformer(tokens + self.time_embed)


class ViViT(Temporal):
    def __init__(self, width=64, depth=2, image=32, patch=8, length=3, temporal_depth=1):
        super().__init__(width, length, temporal_depth, width // 64)
        self.patch_embed = Patches(width, patch, norm=False)
        self.spatial_cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (image // patch) ** 2, width))
        self.spatial_transformer = Blocks(width, depth, width // 64)

    def spatial(self, video: Tensor) -> Tensor:
        x = self.patch_embed(video)
        x = torch.cat([self.spatial_cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
        return self.spatial_transformer(x)[:, 0]


class ViSwin(Temporal):
    def __init__(
        self,
        width=12,
        depths=(2, 3),
        heads=(2, 3),
        image=32,
        patch=4,
        window=4,
        length=3,
        temporal_depth=1,
    ):
        super().__init__(width << (len(depths) - 1), length, temporal_depth, 3)
        self.patch_embed = Patches(width, patch, norm=True)
        self.spatial_transformer = Swin(width, depths, heads, image // patch, window)

    def spatial(self, video: Tensor) -> Tensor:
        return self.spatial_transformer(self.patch_embed(video)).mean(1)


class Model(nn.Module):
    """A whole spotter as the authors save it, with random weights and the buffers of its transforms."""

    def __init__(self, transformer: Temporal, num_classes: int = 17, seed: int = 0):
        super().__init__()
        width = transformer.time_embed.shape[-1]
        self.trunk, self.head_class = nn.Module(), nn.Module()
        self.trunk.transformer = transformer
        self.head_class.layers = nn.Sequential(nn.Linear(width, num_classes))
        self.test_transform = nn.Sequential(nn.BatchNorm1d(1, affine=False))
        randomise(self, seed)

    def forward(self, video: Tensor) -> Tensor:
        return self.head_class.layers(self.trunk.transformer(video))


@torch.no_grad()
def randomise(module: nn.Module, seed: int) -> None:
    """Weights with which every part matters to the result."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.named_parameters():
        fan_in = value[0].numel() if name.endswith("weight") and value.ndim > 1 else 4
        value.normal_(0, fan_in**-0.5, generator=generator)
        if "norm" in name and name.endswith("weight"):
            value.add_(1)


def lightning_file(trunk: dict[str, Tensor], other: dict[str, Tensor], width: int = 8) -> dict:
    """A Lightning checkpoint of step 1 or 2: the online `trunk`, its slow twin, and what is beside them."""
    mlp = {f"layers.{n}.weight": torch.ones(b, a) for n, (a, b) in enumerate(pairwise((width, 16, 4)))}
    state = {f"trunk.{name}": value for name, value in trunk.items()}
    state |= {f"momentum_trunk.{name}": value for name, value in other.items()}
    for part in ("projector", "momentum_projector", "predictor"):
        state |= {f"{part}.{name}": value for name, value in mlp.items()}
    state |= {"queue": torch.ones(4, 32), "queue_ptr": torch.zeros(1, dtype=torch.long)}
    about = {
        "epoch": 99,
        "global_step": 3,
        "pytorch-lightning_version": "2.0.0",
        "loops": {"fit": {"n": 1}},
    }
    optimiser = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return about | {
        "state_dict": state,
        "optimizer_states": [optimiser],
        "hyper_parameters": {"coeff": 1.0},
    }
