"""The three training steps as they are first written: eager, nothing fused, nothing skipped.

Same networks, recipes and losses as ours, but: attention as two products and a softmax, the tubelet
embedding a 3-D convolution, masked tubelets computed and thrown away, each clip augmented on its own by
torchvision, SCE with all scores at once, one parameter after the other in the optimiser and the twin.

Letters: B clips or windows, T frames, L tokens, H x W stored frame, h x w image the network sees, D width.
"""

from types import MethodType

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms import v2

from comedian.losses.moco import moco_loss
from comedian.losses.spotting import draw_mixup, mixup, spotting_loss
from comedian.models.blocks import Attention, TubeletEmbed
from comedian.models.momentum import ema_momentum
from comedian.recipes.augment import AugmentRecipe
from comedian.recipes.model import ModelRecipe
from comedian.training.distill import DistillStep
from comedian.training.finetune import FinetuneStep
from comedian.training.masks import draw_masks
from comedian.training.pretrain_spatial import MocoStep

TAU_M = 0.07


class PlainMoco(MocoStep):
    """Step 1."""

    def forward(self, frames: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of clips, uint8 (B, 2, H, W, 3)."""
        recipe = self.recipe
        views = [view_of(frames, view, recipe.model) for view in (recipe.view_1, recipe.view_2)]
        queries = [self._query(view) for view in views]
        with torch.no_grad():
            keys = [self._key(view) for view in views]
        self.made = torch.cat(keys)
        return moco_loss(*queries, *keys, self.queue.snapshot(), recipe.temperature)

    @torch.no_grad()
    def after_iteration(self, number: int, total: int) -> None:
        """The twin follows, the keys enter the queue."""
        momentum = ema_momentum(number, total, self.recipe.ema_start)
        online = [*self.spatial.parameters(), *self.projector.parameters()]
        for mine, theirs in zip(self.twin.module.parameters(), online, strict=True):
            mine.mul_(momentum).add_(theirs, alpha=1 - momentum)
        self.queue.push(self.made)


class PlainDistill(DistillStep):
    """Step 2."""

    def forward(self, frames: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of windows, uint8 (B, T, H, W, 3), whose tokens have bank rows (B, L)."""
        video = view_of(frames, self.recipe.view, self.recipe.model)
        mask = draw_masks(*rows.shape, self.recipe.mask_share, generator).to(video.device)
        tokens = self.temporal(self.spatial(video), mask)  # (B, L, D)
        z = F.normalize(self.projector(tokens).float(), dim=-1)
        return self._sce(z.flatten(0, 1), rows.flatten())

    def _sce(self, z: Tensor, rows: Tensor) -> Tensor:
        """Eq. 3-6 as they stand."""
        bank, token = self.features.to(z.dtype), torch.arange(len(z), device=z.device)
        with torch.no_grad():
            scores = bank[rows] @ bank.T / TAU_M
            scores[token, rows] = -torch.inf
            weights = (1 - self.recipe.sce_lambda) * scores.softmax(1)
            weights[token, rows] += self.recipe.sce_lambda
        return -(weights * (z @ bank.T / self.recipe.temperature).log_softmax(1)).sum(1).mean()


class PlainFinetune(FinetuneStep):
    """Step 3."""

    def forward(self, frames: Tensor, labels: Tensor, times: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of windows, uint8 (B, T, H, W, 3), and their labels (B, L, C); without times to actions."""
        video = view_of(frames, self.recipe.view, self.recipe.model)
        if self.recipe.mixup_alpha > 0:
            share = draw_mixup(len(video), self.recipe.mixup_alpha, generator)
            partners = torch.arange(len(video)).flip(0)
            video, labels = mixup(video, share, partners), mixup(labels, share, partners)
        mask = draw_masks(*labels.shape[:2], self.recipe.mask_share, generator).to(video.device)
        return spotting_loss(self.spotter.classify(self.spotter.spatial(video), mask), labels)


def unfused(step: nn.Module) -> nn.Module:
    """The step with attention and tubelet embedding written out."""
    for module in step.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
        if isinstance(module, Attention):
            module.forward = MethodType(_attend, module)
        if isinstance(module, TubeletEmbed):
            module.forward = MethodType(_embed, module)
    return step


def _attend(self, x: Tensor, num_queries: int | None = None) -> Tensor:
    qkv = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
    query, key, value = qkv.unbind(0)
    shares = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    return self.proj((shares @ value).transpose(1, 2).flatten(2))[:, :num_queries]


def view_of(frames: Tensor, view: AugmentRecipe, model: ModelRecipe) -> Tensor:
    """A random view, clip by clip, uint8 (B, T, H, W, 3) to float32 (B, 3, T, h, w)."""
    size = (model.image_height, model.image_width)
    jitter = v2.ColorJitter(view.brightness, view.contrast, view.saturation, view.hue)
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(size, view.crop_scale, view.crop_ratio) if view.crop else v2.Resize(size),
            v2.ToDtype(torch.float32, scale=True),
            v2.RandomApply([jitter], view.jitter_probability),
            v2.RandomGrayscale(view.grayscale_probability),
            v2.RandomApply([v2.GaussianBlur(view.blur_kernel, view.blur_sigma)], view.blur_probability),
            v2.RandomSolarize(0.5, view.solarize_probability),
            v2.RandomHorizontalFlip(view.flip_probability),
            v2.Normalize([0.45] * 3, [0.225] * 3),
        ]
    )
    return torch.stack([transform(clip.permute(0, 3, 1, 2)) for clip in frames]).transpose(1, 2)


def _embed(module: TubeletEmbed, tubelets: Tensor) -> Tensor:
    return module.norm(module.proj(tubelets).squeeze(2).permute(0, 2, 3, 1))
