"""Step 2: SCE distillation of a bank of features into both transformers (section 3.3, Eq. 3-6).

Letters: B windows, T frames, L tokens of a window, N frames of a half, D width, M bank rows, K bank width.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from comedian import distributed
from comedian.data.augment import apply, draw
from comedian.data.halves import Halves
from comedian.formats.bank import Bank
from comedian.losses.sce import sce_loss, sce_loss_queue, targets
from comedian.models.heads import projector
from comedian.models.momentum import KeyQueue
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import copy_temporal_from_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.schema import check
from comedian.recipes.stages import DistillRecipe
from comedian.training.drawn import Drawn, everyone
from comedian.training.epochs import Epochs
from comedian.training.loop import Stage, finish, fit
from comedian.training.masks import draw_masks
from comedian.training.run import Run
from comedian.training.schedule import seed_of
from comedian.weights.start import Start

STAGE = "distill"


class DistillStep(nn.Module):
    """Student, its projector, and the bank it is compared with."""

    features: Tensor  # (M, K)
    soft: Tensor  # (M, K), m_i

    def __init__(
        self, spatial: SpatialEncoder, temporal: TemporalTransformer, bank: Bank, recipe: DistillRecipe
    ):
        super().__init__()
        self.recipe, self.spatial, self.temporal = recipe, spatial, temporal
        features = torch.from_numpy(np.asarray(bank.features))  # (M, K)
        self.projector = projector(recipe.model.embed_dim, recipe.hidden_dim, features.shape[1])
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("soft", torch.from_numpy(np.asarray(bank.targets)), persistent=False)
        self.queue = (
            KeyQueue(recipe.queue_size, features.shape[1]) if recipe.candidates == "queue" else None
        )
        self.own: list[Tensor] = []  # features (B, L, K) of each part of the iteration at hand

    def draw(self, batch: int, generator: torch.Generator) -> Drawn:
        """What chance decides for so many windows of this process."""
        recipe, windows = self.recipe, everyone(batch)
        view = draw(recipe.view, windows, generator)
        mask = draw_masks(windows, recipe.model.num_tokens, recipe.mask_share, generator)
        return distributed.own_share(Drawn((view,), mask))

    def forward(self, frames: Tensor, rows: Tensor, drawn: Drawn) -> Tensor:
        """Loss of some of this process's windows, uint8 (B, T, H, W, 3), whose tokens have rows (B, L)."""
        z = self._student(frames, drawn)  # (B, L, K)
        own = self.features[rows].to(z.dtype)  # (B, L, K)
        if self.queue is not None:
            self.own.append(own)
            recipe, negatives = self.recipe, self.queue.snapshot()
            temperatures = recipe.temperature, recipe.temperature_m
            return sce_loss_queue(z, own, negatives, *temperatures, recipe.sce_lambda)
        target = targets(own, self.soft[rows].to(z.dtype), self.recipe.sce_lambda)
        return sce_loss(z.flatten(0, 1), target.flatten(0, 1), self.features, self.recipe.temperature)

    def after_iteration(self, number: int, total: int) -> None:
        """With the authors' queue, let the features of the batch enter it."""
        if self.queue is not None:
            self.queue.push(distributed.gather(torch.cat(self.own)).flatten(0, 1))
            self.own = []

    def _student(self, frames: Tensor, drawn: Drawn) -> Tensor:
        assert drawn.mask is not None
        video = apply(frames, drawn.views[0], self.recipe.model.image_size)  # (B, 3, T, h, w)
        tokens = self.temporal(self.spatial(video, keep=~drawn.mask), drawn.mask)  # (B, L, D)
        return F.normalize(self.projector(tokens).float(), dim=-1)


def distill(
    halves: Halves,
    bank: Bank,
    recipe: DistillRecipe,
    run: Run,
    start: Start | None = None,
    preset: str = "",
) -> None:
    """Run step 2 and save both transformers and the projector to `run.output`.

    Raises:
        InputError: a half is not in the bank or shorter than a window, or the start does not fit.
    """
    start = start or Start()
    stage = prepare(halves, bank, recipe, run, start)
    with stage.epochs:
        fit(stage, run)
    finish(run, "distilled", stage.parts, recipe, halves, preset=preset, start=start, parents=[bank.path])


def prepare(halves: Halves, bank: Bank, recipe: DistillRecipe, run: Run, start: Start) -> Stage:
    """What there is to train; arguments and errors as `distill`'s."""
    check(recipe, "the recipe")
    torch.manual_seed(seed_of(run.seed, "start"))
    spatial = start.spatial(recipe.model, halves.geometry)
    temporal = TemporalTransformer(recipe.model)
    if recipe.copy_temporal:
        copy_temporal_from_spatial(spatial, temporal)
    step = DistillStep(spatial, temporal, bank, recipe)
    num_frames, rows = recipe.model.num_frames, list(_token_rows(bank, halves))
    epochs = Epochs(
        halves,
        run,
        "windows",
        sampler=recipe.sampler,
        num_frames=num_frames,
        per_game=recipe.windows_per_game,
        batch_size=recipe.optim.batch_size,
        beside=lambda half, start: rows[half][start : start + num_frames : TUBELET_FRAMES],  # (L,)
    )
    optim, parts = recipe.optim, {"spatial": spatial, "temporal": temporal, "projector": step.projector}
    return Stage(STAGE, step, optim, optim.peak_lr(num_frames), epochs, parts, step.after_iteration)


def _token_rows(bank: Bank, halves: Halves) -> Iterator[Tensor]:
    """Of each half, the bank row of the token that begins at each frame, int64 (N-1,).

    It is the row nearest to the middle of the token's two frames.
    """
    for number, file in enumerate(halves.files):
        middles = (file.seconds[1:] + file.seconds[:-1]) / 2
        yield torch.from_numpy(bank.nearest(halves.name_of(number), file.half, middles))
