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
from comedian.data.augment import Draws, apply, draw
from comedian.data.halves import Halves
from comedian.data.token_loader import TokenLoader
from comedian.data.transfer import carried
from comedian.errors import InputError
from comedian.formats.actions import Action
from comedian.formats.frames import Geometry
from comedian.losses.spotting import draw_mixup, mix_pairs_, mixup, offset_loss, spotting_loss
from comedian.models.heads import CLASSES, OFFSETS
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.schema import check
from comedian.recipes.stages import FinetuneRecipe, OptimRecipe
from comedian.spotting.sliding import SlidingSpotter
from comedian.training.drawn import Drawn, everyone
from comedian.training.epochs import Epochs
from comedian.training.frozen import frozen_tokens
from comedian.training.loop import Stage, finish, fit, save_result
from comedian.training.masks import draw_masks
from comedian.training.pace import Around
from comedian.training.run import Run
from comedian.training.schedule import seed_of
from comedian.training.state import interrupted_stage
from comedian.training.targets import Targets, targets_of
from comedian.training.validate import Validation
from comedian.weights.load import with_current_names
from comedian.weights.start import Start

HEAD_STAGE, FROZEN_STAGE, FULL_STAGE = "finetune head", "finetune frozen", "finetune"
COSTS = {  # of an epoch, beside others': the way back takes twice the way there
    HEAD_STAGE: 1.0,
    FROZEN_STAGE: 0.02,
    FULL_STAGE: 3.0,
}


class FinetuneStep(nn.Module):
    """The spotter and its loss.

    Attributes:
        head_only: all but the heads is frozen, in eval mode and without masks.
        on_tokens: the spatial transformer is frozen, and its features come in place of frames.
        best: the weights of the epoch with the best validation score.
    """

    def __init__(self, spotter: Spotter, recipe: FinetuneRecipe):
        super().__init__()
        self.recipe, self.spotter = recipe, spotter
        self.head_only = self.on_tokens = False
        self.best: dict = {"score": -1.0, "stage": "", "epoch": 0, "tensors": {}}

    @property
    def parts(self) -> dict[str, nn.Module]:
        """What is kept in the end, by the prefix of its tensors' names."""
        return {name: getattr(self.spotter, name) for name in ("spatial", "temporal", "heads")}

    def choose_trained(self, stage: str) -> None:
        """Train what a stage trains."""
        self.head_only, self.on_tokens = stage == HEAD_STAGE, stage == FROZEN_STAGE
        self.spotter.requires_grad_(not self.head_only)
        self.spotter.heads.requires_grad_(True)
        if self.on_tokens:
            self.spotter.spatial.requires_grad_(False)
            self.spotter.spatial.neck.requires_grad_(True)

    def train(self, mode: bool = True) -> "FinetuneStep":
        """As nn.Module's, but what is frozen stays in eval mode."""
        super().train(mode)
        if self.head_only:
            self.spotter.eval()
        if self.on_tokens:
            self.spotter.spatial.eval()
        return self

    def draw(self, batch: int, generator: torch.Generator) -> Drawn:
        """What chance decides for so many windows of this process."""
        recipe, windows = self.recipe, everyone(batch)
        views: tuple[Draws, ...] = ()
        kept = None
        if self.on_tokens:
            kept = torch.randint(recipe.frozen_views + 1, (windows,), generator=generator)
        else:
            views = (draw(recipe.view, windows, generator),)
        mixes = recipe.mixup_alpha > 0
        share = draw_mixup(windows, recipe.mixup_alpha, generator) if mixes else None
        mask = draw_masks(windows, recipe.model.num_tokens, recipe.mask_share, generator)
        return distributed.own_share(Drawn(views, None if self.head_only else mask, share, kept))

    def forward(self, seen: Tensor, labels: Tensor, times: Tensor, drawn: Drawn) -> Tensor:
        """Loss of some of its windows, whose `Targets` are (B, L, C) each.

        Args:
            seen: their frames, uint8 (B, T, H, W, 3), or features in several views, (B, V, L, D').
        """
        recipe, video = self.recipe, self._view(seen, drawn)
        goals: list[tuple[Tensor, Tensor | None]] = [(times, None)]  # and their shares
        if drawn.share is not None:
            share, partners = carried(drawn.share, video.device), _partners(len(video), video.device)
            mix_pairs_(video, share)
            labels = mixup(labels, share, partners)
            goals = [(times, share), (times[partners], 1 - share)]
        if self.on_tokens:
            found = self.spotter.read(self.spotter.spatial.neck(video), drawn.mask)
        else:
            found = self.spotter.outputs(video, drawn.mask)
        loss = spotting_loss(found[CLASSES], labels)
        if OFFSETS in found:
            loss = loss + recipe.offset_weight * sum(offset_loss(found[OFFSETS], *goal) for goal in goals)
        return loss

    def _view(self, seen: Tensor, drawn: Drawn) -> Tensor:
        """A view of frames, (B, 3, T, h, w), or the one that was drawn of features, (B, L, D')."""
        if drawn.kept is None:
            return apply(seen, drawn.views[0], self.recipe.model.image_size)
        return seen[torch.arange(len(seen), device=seen.device), carried(drawn.kept, seen.device)].float()

    def keep_if_best(self, score: float, stage: str, epoch: int) -> bool:
        """Remember the weights of an epoch, of any stage, if its validation score is the best: if so."""
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
    start = start or Start()
    step, stages, targets = prepare(halves, actions, recipe, run, start, validation)
    spotter = step.spotter
    about: dict[str, Any] = {"preset": preset, "start": start, "classes": recipe.classes}
    keep = partial(save_result, run.so_far_path, "spotter", step.parts, recipe, halves, **about)
    reached = interrupted_stage(run.state_path) if run.resume else None
    for number, (name, optim) in enumerate(stages):
        if reached in {later for later, _ in stages[number + 1 :]}:
            continue
        loader, judges = None, validation
        if name == FROZEN_STAGE:
            loader, judges = _on_tokens(step, halves, validation, run)
        told = partial(_after_epoch, step, run, judges, keep, name)
        stage = stage_of(name, step, optim, halves, targets, run, loader)
        with stage.epochs:
            fit(stage, run, told, _around(stages, number))
    if step.best["tensors"]:
        spotter.load_state_dict(step.best["tensors"])
    if validation and recipe.choose_spot:
        spotter.spot = validation.choose(spotter, run.device)
    recipe = replace(recipe, spot=spotter.spot)
    curves = validation.judge(spotter, run.device, run.report).curves if validation else {}
    finish(run, "spotter", step.parts, recipe, halves, **about, curves=curves)
    best = step.best
    return Best(best["score"], best["stage"], best["epoch"]) if best["tensors"] else None


def prepare(
    halves: Halves,
    actions: Sequence[Sequence[Action]],
    recipe: FinetuneRecipe,
    run: Run,
    start: Start,
    validation: Validation | None,
) -> tuple[FinetuneStep, list[tuple[str, OptimRecipe]], list[Targets]]:
    """The network with its start, the stages that have epochs, the targets of each half; as `finetune`."""
    if validation and validation.halves.geometry != halves.geometry:
        what = f"the frames to validate on are {validation.halves.geometry}, those to train on are not"
        raise InputError(what, validation.halves.files[0].path, "extract the frames alike")
    check(recipe, "the recipe")
    if recipe.freeze and start.text is None:
        remedy = "name weights with --init, such as timm:tf_efficientnet_lite0, or --set freeze=false"
        raise InputError("a spatial transformer that has learnt nothing would be kept", remedy=remedy)
    torch.manual_seed(seed_of(run.seed, "start"))
    spotter, distilled = start_spotter(start, recipe, halves.geometry)
    SlidingSpotter(spotter, spotter.spot, run.device)  # refuses windows that could not be joined
    targets = [targets_of(file, some, recipe) for file, some in zip(halves.files, actions, strict=True)]
    return FinetuneStep(spotter, recipe), plan(recipe, distilled), targets


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


def plan(recipe: FinetuneRecipe, distilled: bool) -> list[tuple[str, OptimRecipe]]:
    """The stages that have epochs, and the optimiser of each; everything from scratch runs longer."""
    if recipe.freeze:
        full = replace(recipe.full, epochs=recipe.unfrozen_epochs)
        stages = [(FROZEN_STAGE, recipe.frozen), (FULL_STAGE, full)]
    elif distilled:
        stages = [(HEAD_STAGE, recipe.head), (FULL_STAGE, recipe.full)]
    else:
        stages = [(FULL_STAGE, replace(recipe.full, epochs=recipe.scratch_epochs))]
    return [(name, optim) for name, optim in stages if optim.epochs]


def _around(stages: Sequence[tuple[str, OptimRecipe]], number: int) -> Around:
    """What is before and after a stage; there are two at most."""
    sides = stages[:number], stages[number + 1 :]
    before, after = (sum(optim.epochs for _, optim in some) for some in sides)
    others = [name for name, _ in stages if name != stages[number][0]]
    cost = COSTS[others[0]] / COSTS[stages[number][0]] if others else 1.0
    return Around(before, after, cost)


def _on_tokens(
    step: FinetuneStep, halves: Halves, validation: Validation | None, run: Run
) -> tuple[TokenLoader, Validation | None]:
    """What the stage of a frozen spatial transformer trains on and is judged by."""
    recipe, spatial = step.recipe, step.spotter.spatial
    views = frozen_tokens(halves, spatial, recipe.view, recipe.frozen_views, run)
    if validation:
        plain = frozen_tokens(validation.halves, spatial, recipe.view, 0, run)
        validation = replace(validation, tokens=[file for (file,) in plain])
    return TokenLoader(views, recipe.model.num_frames), validation


def stage_of(
    name: str,
    step: FinetuneStep,
    optim: OptimRecipe,
    halves: Halves,
    targets: Sequence[Targets],
    run: Run,
    loader: TokenLoader | None = None,
) -> Stage:
    """One of the stages, with an optimiser and a schedule of its own; a loader reads tokens."""
    step.choose_trained(name)
    recipe, num_frames = step.recipe, step.recipe.model.num_frames
    grid = TUBELET_FRAMES if loader else 1  # frames from a possible start of a window to the next
    epochs = Epochs(
        halves,
        run,
        f"{name}/windows",
        sampler=recipe.sampler,
        num_frames=num_frames,
        per_game=recipe.windows_per_game,
        batch_size=optim.batch_size,
        beside=lambda half, start: targets[half].of_window(start - start % grid, num_frames),
        loader=loader,
    )
    together = 2 if recipe.mixup_alpha > 0 else 1  # pairs are mixed
    return Stage(name, step, optim, optim.peak_lr(num_frames), epochs, step.parts, together=together)


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
