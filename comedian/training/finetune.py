"""Step 3: fine-tuning to classes of actions, the head first, then everything (section 3.4, Eq. 7).

Letters: B windows, T frames, L tokens of a window, N frames of a half, C classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from comedian import distributed
from comedian.data.augment import apply, draw
from comedian.data.halves import Halves
from comedian.data.transfer import carried
from comedian.errors import InputError
from comedian.formats.actions import Action
from comedian.formats.frames import Geometry
from comedian.losses.spotting import draw_mixup, mix_pairs_, mixup, offset_loss, spotting_loss
from comedian.models.heads import CLASSES, OFFSETS
from comedian.models.spotter import Spotter
from comedian.recipes.schema import check
from comedian.recipes.stages import FinetuneRecipe, OptimRecipe
from comedian.spotting.sliding import SlidingSpotter
from comedian.training.drawn import Drawn, everyone
from comedian.training.epochs import Epochs
from comedian.training.loop import finish, fit, save_result
from comedian.training.masks import draw_masks
from comedian.training.pace import Around
from comedian.training.run import Run
from comedian.training.schedule import seed_of
from comedian.training.state import interrupted_stage
from comedian.training.targets import Targets, targets_of
from comedian.training.validate import Validation
from comedian.weights.load import with_current_names
from comedian.weights.start import Start

HEAD_STAGE, FULL_STAGE = "finetune head", "finetune"
FULL_COST = 3.0  # of an epoch of everything, in epochs of the head: the way back takes twice the way there


class FinetuneStep(nn.Module):
    """The spotter and its loss; `head_only` freezes all but the head, in eval mode and without masks."""

    def __init__(self, spotter: Spotter, recipe: FinetuneRecipe):
        super().__init__()
        self.recipe, self.spotter = recipe, spotter
        self.head_only = False
        self.best: dict = {"score": -1.0, "stage": "", "epoch": 0, "tensors": {}}

    def freeze_trunk(self, frozen: bool) -> None:
        """Train the head alone, or everything."""
        self.head_only = frozen
        self.spotter.requires_grad_(not frozen)
        self.spotter.heads.requires_grad_(True)

    def train(self, mode: bool = True) -> "FinetuneStep":
        """As nn.Module's, but a frozen trunk stays in eval mode."""
        super().train(mode)
        if self.head_only:
            self.spotter.eval()
        return self

    def draw(self, batch: int, generator: torch.Generator) -> Drawn:
        """What chance decides for so many windows of this process."""
        recipe, windows = self.recipe, everyone(batch)
        view = draw(recipe.view, windows, generator)
        mixes = recipe.mixup_alpha > 0
        share = draw_mixup(windows, recipe.mixup_alpha, generator) if mixes else None
        mask = draw_masks(windows, recipe.model.num_tokens, recipe.mask_share, generator)
        return distributed.own_share(Drawn((view,), None if self.head_only else mask, share))

    def forward(self, frames: Tensor, labels: Tensor, times: Tensor, drawn: Drawn) -> Tensor:
        """Loss of some of its windows, uint8 (B, T, H, W, 3), whose `Targets` are (B, L, C) each."""
        recipe = self.recipe
        video = apply(frames, drawn.views[0], recipe.model.image_size)  # (B, 3, T, h, w)
        goals: list[tuple[Tensor, Tensor | None]] = [(times, None)]  # and their shares
        if drawn.share is not None:
            share, partners = carried(drawn.share, video.device), _partners(len(video), video.device)
            mix_pairs_(video, share)
            labels = mixup(labels, share, partners)
            goals = [(times, share), (times[partners], 1 - share)]
        found = self.spotter.outputs(video, drawn.mask)
        loss = spotting_loss(found[CLASSES], labels)
        if OFFSETS in found:
            loss = loss + recipe.offset_weight * sum(offset_loss(found[OFFSETS], *goal) for goal in goals)
        return loss

    def keep_if_best(self, score: float, stage: str, epoch: int) -> bool:
        """Remember the weights of an epoch, of either stage, if its validation score is the best: if so."""
        if is_best := score > self.best["score"]:
            tensors = {
                name: value.detach().cpu().clone() for name, value in self.spotter.state_dict().items()
            }
            self.best = {"score": score, "stage": stage, "epoch": epoch, "tensors": tensors}
        return is_best

    def get_extra_state(self) -> dict:
        """The best weights so far belong to the state of an interrupted run."""
        return self.best

    def set_extra_state(self, state: dict) -> None:
        """Counterpart of `get_extra_state`."""
        self.best = {**state, "tensors": with_current_names(state["tensors"])}


class Best(NamedTuple):
    """The epoch whose weights were kept: its official tight average-mAP (fraction of 1), stage, number."""

    score: float
    stage: str
    epoch: int


def finetune(
    halves: Halves,
    actions: Sequence[Sequence[Action]],
    recipe: FinetuneRecipe,
    run: Run,
    start: Start | None = None,
    preset: str = "",
    validation: Validation | None = None,
) -> Best | None:
    """Run step 3 and save the spotter to `run.output`; return which epoch it is of, if there was a choice.

    What each class's confidences are worth on the validation is saved with it. Until then the spotter that
    it would be lies at `run.so_far_path`.

    Args:
        actions: the labelled actions of each half.
        start: distilled weights: the head's epochs, then all of it. Spatial weights, a timm model or
            nothing: from scratch, `scratch_epochs` of everything.
        validation: scores every epoch; the best one is kept. None keeps the last.

    Raises:
        InputError: a half is shorter than a window, or the start or the validation does not fit.
    """
    if validation and validation.halves.geometry != halves.geometry:
        what = f"the frames to validate on are {validation.halves.geometry}, those to train on are not"
        raise InputError(what, validation.halves.files[0].path, "extract the frames alike")
    check(recipe, "the recipe")
    torch.manual_seed(seed_of(run.seed, "start"))
    start = start or Start()
    spotter, distilled = start_spotter(start, recipe, halves.geometry)
    SlidingSpotter(spotter, spotter.spot, run.device)  # refuses windows that could not be joined
    step = FinetuneStep(spotter, recipe)
    parts = {"spatial": spotter.spatial, "temporal": spotter.temporal, "heads": spotter.heads}
    result = "spotter", parts, recipe, halves
    about: dict[str, Any] = {"preset": preset, "start": start, "classes": recipe.classes}
    keep = partial(save_result, run.so_far_path, *result, **about)
    after_epoch = partial(_after_epoch, step, run, validation, keep)
    targets = [targets_of(file, some, recipe) for file, some in zip(halves.files, actions, strict=True)]
    full, head_epochs = full_optim(recipe, distilled), recipe.head.epochs if distilled else 0
    head_is_done = run.resume and interrupted_stage(run.state_path) == FULL_STAGE
    if head_epochs and not head_is_done:
        step.freeze_trunk(True)
        around = Around(after=full.epochs, cost=FULL_COST)
        _train(HEAD_STAGE, step, recipe.head, halves, targets, run, after_epoch, around)
    step.freeze_trunk(False)
    around = Around(before=head_epochs, cost=1 / FULL_COST)
    _train(FULL_STAGE, step, full, halves, targets, run, after_epoch, around)
    if step.best["tensors"]:
        spotter.load_state_dict(step.best["tensors"])
    curves = validation.judge(spotter, run.device, run.report).curves if validation else {}
    finish(run, *result, **about, curves=curves)
    best = step.best
    return Best(best["score"], best["stage"], best["epoch"]) if best["tensors"] else None


def start_spotter(start: Start, recipe: FinetuneRecipe, geometry: Geometry) -> tuple[Spotter, bool]:
    """A spotter with its start, and whether that start was distilled (both transformers)."""
    spotter = Spotter(recipe.model, recipe.classes, recipe.offset_reach_seconds)
    spotter.geometry, spotter.spot = geometry, recipe.spot
    set_prior(spotter.heads[CLASSES], recipe.head_prior)
    spotter.spatial = start.spatial(recipe.model, geometry)
    temporal = start.temporal(recipe.model, geometry)
    spotter.temporal = temporal or spotter.temporal
    return spotter, temporal is not None


def set_prior(head: nn.Module, prior: float) -> None:
    """Let an untrained head give every class the probability `prior`; actions are rare, 0.5 is far off."""
    if not 0 < prior < 1:
        raise InputError(f"head_prior is {prior:g}", remedy="choose a probability between 0 and 1")
    assert isinstance(head, nn.Linear)
    nn.init.constant_(head.bias, math.log(prior / (1 - prior)))


def full_optim(recipe: FinetuneRecipe, distilled: bool) -> OptimRecipe:
    """The optimiser of the second stage; from scratch it runs longer."""
    return recipe.full if distilled else replace(recipe.full, epochs=recipe.scratch_epochs)


def _train(
    name: str,
    step: FinetuneStep,
    optim: OptimRecipe,
    halves: Halves,
    targets: Sequence[Targets],
    run: Run,
    after_epoch: Callable[[str, int], dict],
    around: Around,
) -> None:
    """One of the two stages, with an optimiser and a schedule of its own."""
    recipe, num_frames = step.recipe, step.recipe.model.num_frames
    epochs = Epochs(
        halves,
        run,
        f"{name}/windows",
        sampler=recipe.sampler,
        num_frames=num_frames,
        per_game=recipe.windows_per_game,
        batch_size=optim.batch_size,
        beside=lambda half, start: targets[half].of_window(start, num_frames),
    )
    with epochs:
        peak, together = optim.peak_lr(num_frames), 2 if recipe.mixup_alpha > 0 else 1  # pairs are mixed
        told = partial(after_epoch, name)
        fit(name, step, optim, peak, epochs, run, after_epoch=told, together=together, around=around)


def _after_epoch(
    step: FinetuneStep,
    run: Run,
    validation: Validation | None,
    keep: Callable[..., None],
    stage: str,
    epoch: int,
) -> dict:
    """Judge an epoch of either stage; keep the spotter that the run would end with if it ended now.

    Args:
        keep: writes the spotter as it is, with `curves`.
    """
    if validation is None:
        keep()
        return {}
    score, curves = validation.judge(step.spotter, run.device, run.report)
    if step.keep_if_best(score, stage, epoch + 1):
        keep(curves=curves)
    best = {"best_stage": step.best["stage"], "best_epoch": step.best["epoch"]}
    return {"valid_tight_a_mAP": score, **best}


def _partners(batch: int, device: torch.device | None = None) -> Tensor:
    """Neighbours 0-1, 2-3 … mix with each other: batches are shuffled, and processes need no exchange.

    The last of an odd number stays as it is; in several processes that is an InputError, since there would
    be more of those than in one.
    """
    if batch % 2 and distributed.world_size() > 1:
        raise InputError(
            f"mixup takes pairs of windows, each process has {batch}",
            remedy="choose a --batch-size that gives each an even number, or --set mixup_alpha=0",
        )
    return torch.arange(batch, device=device).bitwise_xor(1).clamp(max=batch - 1)
