"""What step 3 would take on a CPU: hours, from a trial of some seconds, and memory, from shapes.

Letters: L tokens of a window, h × w pixels the network sees.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from comedian.data.augment import random_view
from comedian.data.halves import Halves
from comedian.data.sampling import draw_clips
from comedian.devices import machine_bytes
from comedian.errors import InputError
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.resolve import resolve
from comedian.recipes.stages import FinetuneRecipe
from comedian.training.finetune import FROZEN_STAGE, FULL_STAGE, HEAD_STAGE, plan
from comedian.training.memory import need

CPU_RECIPE, CPU_START = "laptop", "timm:tf_efficientnet_lite0"  # what is proposed in place of too much
LONG_HOURS = 1.0  # from here on something shorter is proposed
TRIAL_CALLS = 8  # of each part of the work,
TRIAL_SECONDS = 2.0  # or about so long; on a busy machine some are much slower than others
TRIAL_TUBELETS = 8  # that pass together: in fewer, starting the threads weighs more than in a run
TRIAL_WINDOWS = 4
THERE_AND_BACK = 3.0  # times the work of forward alone
FITTING = 0.7  # of the machine's memory: a run may take that


OPTIMS = {HEAD_STAGE: "head", FROZEN_STAGE: "frozen", FULL_STAGE: "full"}  # of a stage, in a recipe


@dataclass(frozen=True)
class Outlook:
    """What a run would take: `seconds` of this machine, and `memory_bytes` at most."""

    seconds: float
    memory_bytes: float

    @property
    def fits(self) -> bool:
        """Whether the machine has the memory, and the run ends within `LONG_HOURS`."""
        return self.memory_bytes <= FITTING * machine_bytes() and self.seconds <= 3600 * LONG_HOURS

    def __str__(self) -> str:
        minutes = max(round(self.seconds / 60), 1)
        length = f"{minutes / 60:,.0f} hours" if minutes > 90 else f"{minutes} minute{'s' * (minutes > 1)}"
        return f"about {length} and {self.memory_bytes / 1e9:.3g} GB of memory"


class _Counts(NamedTuple):
    """Windows of an epoch; tubelets to train on and held out; windows of those that are judged."""

    windows: int
    trained: int
    held_out: int
    judged: int


@dataclass(frozen=True)
class _Pace:
    """Seconds of one tubelet or one window, forward alone or there and back."""

    spatial_forward: float
    spatial: float
    temporal: float
    view: float

    def epoch(self, name: str, recipe: FinetuneRecipe, counts: _Counts, recompute: bool) -> float:
        """Seconds of an epoch of a stage, and of its validation."""
        length, judging = recipe.model.num_tokens, counts.judged * self.temporal / THERE_AND_BACK
        if name == FROZEN_STAGE:
            return counts.windows * self.temporal + judging
        judging += counts.held_out * self.spatial_forward
        if name == HEAD_STAGE:
            seen = length * self.spatial_forward + self.temporal / THERE_AND_BACK
        else:
            again = self.spatial_forward if recompute else 0.0
            seen = length * (1 - recipe.mask_share) * (self.spatial + again) + self.temporal
        return counts.windows * (self.view + seen) + judging

    def once(self, recipe: FinetuneRecipe, counts: _Counts) -> float:
        """Seconds of what a frozen spatial transformer makes of everything, in all views."""
        if not recipe.freeze:
            return 0.0
        views = self.spatial_forward + recipe.frozen_views * (
            self.spatial_forward + self.view / recipe.model.num_tokens
        )
        return counts.trained * views + counts.held_out * self.spatial_forward


def remarks(
    preset: str,
    recipe: FinetuneRecipe,
    halves: Halves,
    held_out: Halves | None = None,
    start_kind: str = "",
    recompute: bool = False,
) -> list[str]:
    """What a recipe that nobody chose would take on this CPU, and where that is too much, what would fit.

    Args:
        preset: the recipe's name.
        held_out: what every epoch is validated on.
        start_kind: kind of the weights to start from; "" for none of ours.
        recompute: whether blocks are computed again on the way back.

    Raises:
        InputError: a half is shorter than a window.
    """
    found, memory = outlook(recipe, halves, held_out, start_kind, recompute), machine_bytes() / 1e9
    lines = [f"{preset} on this CPU, by a short trial: {found} (of {memory:.3g} GB)"]
    if found.fits or preset == CPU_RECIPE:
        return lines
    if start_kind and not recipe.freeze:
        frozen = replace(recipe, freeze=True, unfrozen_epochs=0)
        return [*lines, f"--frozen takes {outlook(frozen, halves, held_out, start_kind)}"]
    if start_kind:
        return [*lines, "its network is that of --init; fewer --epochs take less"]
    other = replace(resolve("finetune", CPU_RECIPE), classes=recipe.classes)
    with suppress(InputError):  # its windows may be longer than these halves
        found = outlook(other, halves, held_out)
        lines.append(f"--recipe {CPU_RECIPE} --init {CPU_START} takes {found}")
    return lines


def outlook(
    recipe: FinetuneRecipe,
    halves: Halves,
    held_out: Halves | None = None,
    start_kind: str = "",
    recompute: bool = False,
) -> Outlook:
    """What fine-tuning would take on the CPU, frames that are decoded beside it not counted.

    Raises:
        InputError: a half is shorter than a window.
    """
    pace, counts = _tried(recipe, halves), _counted(recipe, halves, held_out)
    frame = halves.geometry.height, halves.geometry.width
    seconds, most = pace.once(recipe, counts), 0
    for name, optim in plan(recipe, start_kind in ("distilled", "spotter")):
        seconds += optim.epochs * pace.epoch(name, recipe, counts, recompute)
        together = min(-(-optim.batch_size // optim.accumulate), counts.windows)
        most = max(most, need(recipe, frame, OPTIMS[name], half=False, recompute=recompute).of(together))
    return Outlook(seconds, most)


def _counted(recipe: FinetuneRecipe, halves: Halves, held_out: Halves | None) -> _Counts:
    """What there is to pass; InputError where a half is shorter than a window."""
    model = recipe.model
    clips = (recipe.sampler, halves, model.num_frames, recipe.windows_per_game)
    windows = len(draw_clips(*clips, np.random.default_rng()))
    trained, held = (
        sum(map(len, some.files)) // TUBELET_FRAMES if some else 0 for some in (halves, held_out)
    )
    stride = recipe.spot.stride_tokens or max(model.num_tokens // 2, 1)
    return _Counts(windows, trained, held, held // stride)


def _tried(recipe: FinetuneRecipe, halves: Halves) -> _Pace:
    """How fast this machine is at a recipe's network and views, as busy as it is now."""
    model, geometry = recipe.model, halves.geometry
    spotter = Spotter(model, recipe.classes).train()
    tubelets = torch.randn(TRIAL_TUBELETS, 3, TUBELET_FRAMES, *model.image_size)
    tokens = torch.randn(TRIAL_WINDOWS, model.num_tokens, model.embed_dim)
    frames = torch.zeros(1, model.num_frames, geometry.height, geometry.width, 3, dtype=torch.uint8)

    def encode() -> Tensor:
        return spotter.spatial.encode(tubelets)

    with torch.no_grad():
        forward = _seconds(encode)
    is_trained = not recipe.freeze or recipe.unfrozen_epochs > 0
    both = _seconds(lambda: encode().sum().backward()) if is_trained else 0.0
    return _Pace(
        forward / TRIAL_TUBELETS,
        both / TRIAL_TUBELETS,
        _seconds(lambda: spotter.classify(tokens).sum().backward()) / TRIAL_WINDOWS,
        _seconds(lambda: random_view(frames, recipe.view, model.image_size, torch.Generator())),
    )


def _seconds(call: Callable[[], object]) -> float:
    """The shortest of some calls after a first one, which warms up."""
    found: list[float] = []
    while len(found) < 3 or (len(found) < TRIAL_CALLS and sum(found) < TRIAL_SECONDS):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found[1:])
