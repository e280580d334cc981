"""Step 3: fine-tuning to classes of actions, the head first, then everything (section 3.4, Eq. 7).

Letters: B windows, T frames, L tokens of a window, N frames of a half, C classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from comedian.augment import apply, draw
from comedian.clips import ClipLoader, Halves, share_between_halves, uniform_windows
from comedian.formats.checkpoint import read_header
from comedian.formats.labels import Action
from comedian.losses.spotting import draw_mixup, frame_labels, mixup, spotting_loss, token_labels
from comedian.models.load import load_trunk
from comedian.models.spotter import Spotter
from comedian.recipes.stages import FinetuneRecipe, OptimRecipe
from comedian.training import distributed
from comedian.training.loop import Run, fit, interrupted_stage
from comedian.training.masks import draw_masks
from comedian.training.schedule import seed_of
from comedian.training.start import check_start, finish, is_ours, start_spatial
from comedian.training.validate import Validation

HEAD_STAGE, FULL_STAGE = "finetune head", "finetune"


class FinetuneStep(nn.Module):
    """The spotter and its loss; `head_only` freezes all but the head, in eval mode and without masks."""

    def __init__(self, spotter: Spotter, recipe: FinetuneRecipe):
        super().__init__()
        self.recipe, self.spotter = recipe, spotter
        self.head_only = False
        self.best: dict = {"score": -1.0, "epoch": 0, "tensors": {}}

    def freeze_trunk(self, frozen: bool) -> None:
        """Train the head alone, or everything."""
        self.head_only = frozen
        self.spotter.requires_grad_(not frozen)
        self.spotter.temporal.head.requires_grad_(True)

    def train(self, mode: bool = True) -> "FinetuneStep":
        """As nn.Module's, but a frozen trunk stays in eval mode."""
        super().train(mode)
        if self.head_only:
            self.spotter.eval()
        return self

    def forward(self, frames: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of this process's windows: uint8 (B, T, H, W, 3) and their labels (B, L, C)."""
        everyone = len(frames) * distributed.world_size()
        here = distributed.local_slice(everyone)
        size = self.recipe.model.image_height, self.recipe.model.image_width
        video = apply(frames, draw(self.recipe.view, everyone, generator)[here], size)  # (B, 3, T, h, w)
        if self.recipe.mixup_alpha > 0:
            share = draw_mixup(everyone, self.recipe.mixup_alpha, generator)[here].to(video.device)
            video, labels = mixup(video, labels, share, _partners(len(video)))
        mask = draw_masks(everyone, labels.shape[1], self.recipe.mask_share, generator)[here].to(
            video.device
        )
        logits = self.spotter(video, None if self.head_only else mask)  # (B, L, C)
        return spotting_loss(logits, labels)

    def keep_if_best(self, score: float, epoch: int) -> None:
        """Remember the weights of the epoch with the best validation score."""
        if score > self.best["score"]:
            tensors = {
                name: value.detach().cpu().clone() for name, value in self.spotter.state_dict().items()
            }
            self.best = {"score": score, "epoch": epoch, "tensors": tensors}

    def get_extra_state(self) -> dict:
        """The best weights so far belong to the state of an interrupted run."""
        return self.best

    def set_extra_state(self, state: dict) -> None:
        """Counterpart of `get_extra_state`."""
        self.best = state


def finetune(
    halves: Halves,
    actions: Sequence[Sequence[Action]],
    recipe: FinetuneRecipe,
    run: Run,
    init: str | None = None,
    preset: str = "",
    validation: Validation | None = None,
) -> None:
    """Run step 3 and save the spotter to `run.output`.

    Args:
        actions: the labelled actions of each half.
        init: a distilled file: the head's epochs, then all of it. A spatial file, a timm model or
            None: from scratch, `scratch_epochs` of everything.
        validation: scores every epoch; the best one is kept. None keeps the last.
    """
    torch.manual_seed(seed_of(run.seed, "start"))
    spotter, distilled = start_spotter(init, recipe, halves)
    step = FinetuneStep(spotter, recipe)
    labels = [
        _half_labels(file.seconds, some, recipe) for file, some in zip(halves.files, actions, strict=True)
    ]
    if distilled and recipe.head.epochs and not (run.resume and interrupted_stage(run) == FULL_STAGE):
        step.freeze_trunk(True)
        _train(HEAD_STAGE, step, recipe.head, halves, labels, run, validation)
    step.freeze_trunk(False)
    _train(FULL_STAGE, step, full_optim(recipe, distilled), halves, labels, run, validation)
    if step.best["tensors"]:
        spotter.load_state_dict(step.best["tensors"])
    parts = {"spatial": spotter.spatial, "temporal": spotter.temporal}
    parents = [init] if is_ours(init) else []
    finish(
        run.output, "spotter", parts, recipe, halves, classes=recipe.classes, preset=preset, parents=parents
    )


def start_spotter(init: str | None, recipe: FinetuneRecipe, halves: Halves) -> tuple[Spotter, bool]:
    """A spotter with its start, and whether that start was distilled (both transformers)."""
    spotter = Spotter(recipe.model, recipe.classes)
    spotter.geometry = halves.geometry
    spotter.spatial = start_spatial(init, recipe.model, halves)
    header = read_header(init) if is_ours(init) else None
    if header is None or header.kind == "spatial":
        return spotter, False
    check_start(init, header, recipe.model, halves, spatial_only=False)
    _, trunk = load_trunk(init)
    spotter.temporal.load_state_dict(trunk.state_dict(), strict=False)  # all but the head
    return spotter, True


def full_optim(recipe: FinetuneRecipe, distilled: bool) -> OptimRecipe:
    """The optimiser of the second stage; from scratch it runs longer."""
    return recipe.full if distilled else replace(recipe.full, epochs=recipe.scratch_epochs)


def _train(name, step, optim, halves, labels, run, validation) -> None:
    recipe = step.recipe
    num_frames, batch = recipe.model.num_frames, optim.batch_size
    per_half = share_between_halves(halves.games, recipe.windows_per_game)
    steps = halves.steps(sum(per_half), batch)
    loader = ClipLoader(halves.files, num_frames, run.workers, pin=run.device.type == "cuda")

    def batches(epoch: int):
        rng = np.random.default_rng(seed_of(run.seed, name, "windows", epoch))
        windows = rng.permutation(uniform_windows(halves.files, num_frames, per_half, rng))
        chosen = windows[: steps * batch].reshape(steps, batch, 2)[:, distributed.local_slice(batch)]
        for clips, frames in zip(chosen, loader.batches(chosen), strict=True):
            wanted = torch.stack([labels[half][start : start + num_frames] for half, start in clips])
            yield frames.to(run.device), token_labels(wanted).to(run.device)

    def after_epoch(epoch: int) -> dict:
        if validation is None:
            return {}
        score = validation.score(step.spotter, run.device)
        step.keep_if_best(score, epoch + 1)
        return {"valid_tight_a_mAP": score, "best_epoch": step.best["epoch"]}

    try:
        fit(
            name,
            step,
            optim,
            optim.peak_lr(num_frames),
            steps,
            batches,
            run,
            recipe.precision,
            after_epoch=after_epoch,
        )
    finally:
        loader.close()


def _half_labels(seconds: np.ndarray, actions: Sequence[Action], recipe: FinetuneRecipe) -> Tensor:
    """Labels of every frame of a half, float32 (N, C)."""
    known = [action for action in actions if action.label in recipe.classes]
    return frame_labels(
        torch.from_numpy(seconds),
        torch.tensor([action.position_ms / 1000 for action in known], dtype=torch.float64),
        torch.tensor([recipe.classes.index(action.label) for action in known], dtype=torch.int64),
        len(recipe.classes),
        recipe.radius_seconds,
    )


def _partners(batch: int) -> Tensor:
    """Neighbours 0-1, 2-3 … mix with each other: batches are shuffled, and a slice of one stays whole."""
    return torch.arange(batch).bitwise_xor(1).clamp(max=batch - 1)
