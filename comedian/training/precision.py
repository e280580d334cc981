"""Which precision "auto" is in a run: that of the state it goes on from, else what the device is fast in.

A CPU may have bfloat16 and yet be slower in it: without AMX a batch took twice the time of float32. So a
CPU that has it is tried. Letters: L tokens of a window, D width, h × w pixels the network sees.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from comedian import distributed
from comedian.devices import AS_SAID, EMULATED, cpu_has_bf16, has_bf16
from comedian.models.spatial import build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import TUBELET_FRAMES, ModelRecipe
from comedian.recipes.stages import PretrainSpatialRecipe
from comedian.training.state import read_place

BEGUN = "as the run was begun"
TRIAL_TUBELETS, TRIAL_WINDOWS = 4, 4  # that pass together
TRIAL_SECONDS = 1.0  # or one call in each precision
GAIN = 1.25  # times as fast bfloat16 must be, so that a busy machine does not choose it by chance


class Chosen(NamedTuple):
    """A recipe that says "bf16" or "fp32", and why; "" where that needs no words."""

    recipe: Any
    why: str


def settled(recipe: Any, device: torch.device, state: Path | None = None) -> Chosen:
    """The recipe of a stage with its precision decided, alike for all processes.

    Args:
        state: of an interrupted run that is resumed; its precision is kept.

    Raises:
        InputError: the state is damaged.
    """
    if recipe.precision != "auto":
        return Chosen(recipe, AS_SAID)
    if state and state.exists():
        begun = read_place(state)["settings"].get("recipe.precision", "auto")
        return Chosen(replace(recipe, precision=begun), BEGUN)  # "auto" of versions that tried nothing
    half, why = distributed.gather_lists([_fast_in_bf16(recipe, device)])[0]
    return Chosen(replace(recipe, precision="bf16" if half else "fp32"), why)


def _fast_in_bf16(recipe: Any, device: torch.device) -> tuple[bool, str]:
    """Whether products are best bfloat16, and why."""
    if device.type == "cuda":
        half = has_bf16(device)
        return half, "" if half else EMULATED
    if not cpu_has_bf16():
        return False, ""
    frozen = getattr(recipe, "freeze", False) and not recipe.unfrozen_epochs
    full, mixed = _trial(recipe.model, not frozen, not isinstance(recipe, PretrainSpatialRecipe))
    why = f"by a trial: {1000 * full:.0f} ms in float32, {1000 * mixed:.0f} in bfloat16"
    return full >= GAIN * mixed, why


@cache
def _trial(model: ModelRecipe, of_space: bool, of_time: bool) -> tuple[float, float]:
    """Seconds of a small training step in float32 and in bfloat16, once in a process.

    Args:
        of_space, of_time: which of both transformers are trained.
    """
    with torch.random.fork_rng(devices=[]):
        parts: list[tuple[Callable[[Tensor], Tensor], Tensor]] = []
        if of_space:
            tubelets = torch.randn(TRIAL_TUBELETS, 3, TUBELET_FRAMES, *model.image_size)
            parts.append((build_spatial(model).encode, tubelets))
        if of_time:
            tokens = torch.randn(TRIAL_WINDOWS, model.num_tokens, model.embed_dim)
            parts.append((TemporalTransformer(model), tokens))

        def step(half: bool) -> None:
            for network, seen in parts:
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    found = network(seen)
                found.float().square().mean().backward()

        return fastest_of(lambda: step(False), lambda: step(True))


def fastest_of(first: Callable[[], None], second: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the shortest call of each, in turns, so that a machine busy for a while slows both."""
    shortest, spent = [float("inf")] * 2, 0.0
    while spent < TRIAL_SECONDS:
        for number, call in enumerate((first, second)):
            began = time.perf_counter()
            call()
            took = time.perf_counter() - began
            shortest[number], spent = min(shortest[number], took), spent + took
    return shortest[0], shortest[1]
