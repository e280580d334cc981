"""What step 3 would take on a CPU: hours, from a trial of some seconds, and memory, from shapes.

Letters: L tokens of a window, h × w pixels the network sees.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from comedian.data.augment import random_view
from comedian.data.halves import Halves
from comedian.data.sampling import draw_clips
from comedian.errors import InputError
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.resolve import resolve
from comedian.recipes.stages import FinetuneRecipe
from comedian.training.memory import need

FROZEN = "--recipe laptop --init timm:tf_efficientnet_lite0"
CPU_RECIPE = "smoke"  # what is proposed where another recipe is too much for a CPU
LONG_HOURS = 1.0  # from here on something shorter is proposed
TRIAL_CALLS = 8  # of each part of the work,
TRIAL_SECONDS = 2.0  # or about so long; on a busy machine some are much slower than others
TRIAL_TUBELETS = 8  # that pass together: in fewer, starting the threads weighs more than in a run
TRIAL_WINDOWS = 4
FITTING = 0.7  # of the machine's memory: a run may take that


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


@dataclass(frozen=True)
class _Pace:
    """Seconds of one tubelet or one window, forward alone or there and back."""

    spatial_forward: float
    spatial: float
    temporal: float
    view: float


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
    if start_kind:
        less = f"--frozen, fewer --epochs, or --memory {FITTING * memory:.0f}GB"
        return [*lines, f"its network is that of --init; {less}, take less"]
    other = replace(resolve("finetune", CPU_RECIPE), classes=recipe.classes)
    with suppress(InputError):  # its windows may be longer than these halves
        lines.append(
            f"--recipe {CPU_RECIPE} takes {outlook(other, halves, held_out)}; {FROZEN} keeps an image model"
        )
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
    distilled = start_kind in ("distilled", "spotter")
    pace, length = _tried(recipe, halves), recipe.model.num_tokens
    clips = (recipe.sampler, halves, recipe.model.num_frames, recipe.windows_per_game)
    windows = len(draw_clips(*clips, np.random.default_rng()))
    seen = length * (1 - recipe.mask_share)  # tokens of a window that are not masked
    head = recipe.head.epochs if distilled else 0
    full = recipe.full.epochs if distilled else recipe.scratch_epochs
    again = pace.spatial_forward if recompute else 0.0
    seconds = windows * head * (pace.view + length * pace.spatial_forward + pace.temporal)
    seconds += windows * full * (pace.view + seen * (pace.spatial + again) + pace.temporal)
    if held_out:
        tubelets = sum(map(len, held_out.files)) / TUBELET_FRAMES
        seconds += (head + full) * tubelets * pace.spatial_forward
    together = min(-(-recipe.full.batch_size // recipe.full.accumulate), windows)
    frame = halves.geometry.height, halves.geometry.width
    return Outlook(seconds, need(recipe, frame, "full", half=False, recompute=recompute).of(together))


def machine_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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
    return _Pace(
        forward / TRIAL_TUBELETS,
        _seconds(lambda: encode().sum().backward()) / TRIAL_TUBELETS,
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
