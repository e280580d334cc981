"""The training steps, their frames at hand: windows a second, share of the machine's peak, memory.

Each step of ours (forward, backward, clipping, AdamW, twin and queue) beside the same step as it is first
written (_plain.py). The peak is the rate of one large matrix product, in bfloat16 on CUDA and float32 on a
CPU; the operations are those that torch's own counter counts. On CUDA the paper's three models, elsewhere
the smoke recipe's; `--set precision=bf16` and the like try others.
"""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from _measure import Row, interleaved, options, table, wall
from _plain import PlainDistill, PlainFinetune, PlainMoco, unfused
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from comedian.models.spatial import build_spatial
from comedian.models.spotter import Spotter
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.resolve import resolve
from comedian.training.distill import DistillStep
from comedian.training.finetune import FinetuneStep
from comedian.training.loop import autocast, descend
from comedian.training.optim import adamw
from comedian.training.pretrain_spatial import MocoStep

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
PRESETS = ("vivit-tiny", "vivit-small", "viswin-tiny") if CUDA else ("smoke",)
FRAME = (224, 398) if CUDA else (64, 112)  # height, width of stored frames
BANK_ROWS, BANK_WIDTH = (400_000 if CUDA else 20_000), 512
SHARES = (1 / 8, 1 / 4, 1 / 2, 1) if CUDA else (1,)  # of the recipe's batch; plain is run on the first
PEAK_SIZE = 8192 if CUDA else 2048


class Step(NamedTuple):
    """One of the three: its stage, the module for a recipe, and inputs for a recipe and a batch size."""

    stage: str
    make: Callable[..., nn.Module]
    inputs: Callable[..., tuple[Tensor, ...]]


def main() -> None:
    """Ours against plain, then ours alone against the peak."""
    parser = options(__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as the commands'")
    parser.add_argument("--compile", action="store_true", help="ours under torch.compile too")
    asked = parser.parse_args()
    shares = [share / 4 for share in SHARES[:1]] if asked.quick else SHARES
    for preset in PRESETS:
        table(beside_plain(preset, shares[0], asked))
        for name in STEPS:
            for share in shares:
                print(alone(preset, name, share, asked), flush=True)


def beside_plain(preset: str, share: float, asked) -> Iterator[Row]:
    """Seconds of each step, ours, plain and, if asked for, compiled."""
    for name, step in STEPS.items():
        recipe, batch = recipe_of(step, preset, share, asked.set)
        run = partial(runner, step, recipe, batch)
        calls = {"ours": run(), "plain": run(plain=True)}
        calls |= {"compiled": run(compiled=True)} if asked.compile else {}
        seconds = measured(calls, asked.rounds)
        what = f"{name}, {preset}, batch {batch}"
        yield Row(f"{what}: plain", seconds["ours"], seconds["plain"], ">= 1")
        if asked.compile:
            yield Row(f"{what}: compiled", seconds["compiled"], seconds["ours"])


def alone(preset: str, name: str, share: float, asked) -> str:
    """Windows a second, rate and share of the peak, and on CUDA the memory, of a share of the batch."""
    recipe, batch = recipe_of(STEPS[name], preset, share, asked.set)
    what = f"{name}, {preset}, batch {batch}"
    try:
        call = runner(STEPS[name], recipe, batch)
        with FlopCounterMode(display=False) as counter:
            call()
        calls = {"ours": call, "peak": partial(matrix_product, recipe.precision)}
        seconds = {case: median(costs) for case, costs in measured(calls, asked.rounds).items()}
    except torch.OutOfMemoryError:
        return f"{what:<52}out of memory"
    rate, peak = counter.get_total_flops() / seconds["ours"], 2 * PEAK_SIZE**3 / seconds["peak"]
    memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if CUDA else ""
    speed = f"{batch / seconds['ours']:.4g} a second, {rate / 1e12:.3g} TFLOP/s"
    return f"{what:<52}{speed}, {rate / peak:.0%} of {peak / 1e12:.3g}{memory}"


def measured(calls: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, after one that is not counted; the device's work included."""

    def waited(call: Callable) -> float:
        return wall(lambda: (call(), torch.cuda.synchronize() if CUDA else None))

    for call in calls.values():
        waited(call)
    if CUDA:
        torch.cuda.reset_peak_memory_stats()
    return interleaved(calls, rounds, measure=waited)


def recipe_of(step: Step, preset: str, share: float, settings: list[str]) -> tuple:
    """The stage's recipe, and a share of its batch."""
    recipe = resolve(step.stage, preset, settings)
    return recipe, max(2, int(optim_of(recipe).batch_size * share))


def optim_of(recipe):
    """The optimiser's part of a recipe, that of everything in step 3."""
    return recipe.full if hasattr(recipe, "full") else recipe.optim


def runner(step: Step, recipe, batch: int, plain: bool = False, compiled: bool = False) -> Callable:
    """A call that trains one step on inputs that lie on the device."""
    torch.manual_seed(0)
    module = step.make(recipe, plain).to(DEVICE).train()
    module = unfused(module) if plain else module
    optimizer = torch.optim.AdamW(module.parameters(), foreach=False) if plain else None
    optimizer = optimizer or adamw(module, optim_of(recipe), DEVICE)
    inputs, generator = step.inputs(recipe, batch), torch.Generator().manual_seed(0)
    draw: Any = (lambda batch, generator: generator) if plain else module.draw
    if compiled:
        compile_trunk(module)
    after_iteration = getattr(module, "after_iteration", lambda number, total: None)

    def train() -> None:
        with autocast(DEVICE, recipe.precision):
            loss = module(*inputs, draw(batch, generator))
        loss.backward()
        descend(optimizer, 1e-4, 1.0)
        after_iteration(1, 1000)

    return train


def compile_trunk(module: nn.Module) -> None:
    """Compile each transformer block, in place: one program for all of a kind."""
    for part in module.modules():
        if hasattr(part, "attn") and hasattr(part, "mlp"):
            part.compile(dynamic=False)


def matrix_product(precision: str) -> Tensor:
    """The product whose rate is called the peak, in the precision of the step."""
    factor = torch.ones(PEAK_SIZE, PEAK_SIZE, device=DEVICE)
    with autocast(DEVICE, precision):
        return factor @ factor


def moco(recipe, plain: bool) -> nn.Module:
    """Step 1 from random weights."""
    return (PlainMoco if plain else MocoStep)(build_spatial(recipe.model), recipe)


def distill(recipe, plain: bool) -> nn.Module:
    """Step 2 from random weights, with a random bank of 16 bits."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((BANK_ROWS, BANK_WIDTH), np.float32)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    bank = SimpleNamespace(features=rows, targets=rows)
    transformers = build_spatial(recipe.model), TemporalTransformer(recipe.model)
    return (PlainDistill if plain else DistillStep)(*transformers, bank, recipe)


def finetune(recipe, plain: bool) -> nn.Module:
    """Step 3, all of it, from random weights."""
    return (PlainFinetune if plain else FinetuneStep)(Spotter(recipe.model, recipe.classes), recipe)


def clips(batch: int, num_frames: int) -> Tensor:
    """Random frames, uint8 (B, T, H, W, 3)."""
    return torch.randint(256, (batch, num_frames, *FRAME, 3), dtype=torch.uint8, device=DEVICE)


def windows_and_rows(recipe, batch: int) -> tuple[Tensor, Tensor]:
    """Random windows and the bank rows of their tokens."""
    rows = torch.randint(BANK_ROWS, (batch, recipe.model.num_tokens), device=DEVICE)
    return clips(batch, recipe.model.num_frames), rows


def windows_and_labels(recipe, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random windows and labels, no times to actions."""
    labels = torch.rand(batch, recipe.model.num_tokens, len(recipe.classes), device=DEVICE)
    return (
        clips(batch, recipe.model.num_frames),
        (labels > 0.99).float(),
        torch.full_like(labels, torch.nan),
    )


STEPS = {
    "step 1": Step("pretrain-spatial", moco, lambda recipe, batch: (clips(batch, TUBELET_FRAMES),)),
    "step 2": Step("distill", distill, windows_and_rows),
    "step 3": Step("finetune", finetune, windows_and_labels),
}

if __name__ == "__main__":
    main()
