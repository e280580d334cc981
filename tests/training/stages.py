"""Tiny inputs of the training steps, and a driver that runs them in a process of its own.

    python -m tests.training.stages FOLDER TASK…

with FOLDER from `make_inputs` and TASK one of
    STAGE:OUTPUT[:kill=STEPS|:calm|:parts]     train; the epochs' records go to OUTPUT.jsonl, the losses
                                               of a calm run's steps to OUTPUT.losses; parts is calm with
                                               batches of 8 in two parts and blocks computed again

The pictures are noise. Networks have two blocks of each kind, since the first one is never skipped.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from comedian import distributed
from comedian.bank.soft_targets import soft_targets
from comedian.data.halves import Halves
from comedian.distributed import processes
from comedian.formats.actions import Action
from comedian.formats.bank import Bank, BankHalf, Reduction, write_bank
from comedian.formats.checkpoint import Header, save_checkpoint
from comedian.formats.frames import write_frames
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe
from comedian.recipes.stages import (
    DistillRecipe,
    FinetuneRecipe,
    OptimRecipe,
    PretrainSpatialRecipe,
    SpotRecipe,
)
from comedian.training import loop
from comedian.training.distill import distill
from comedian.training.finetune import finetune
from comedian.training.pretrain_spatial import pretrain_spatial
from comedian.training.run import Run
from comedian.training.validate import Validation
from comedian.training.watch import TASK
from comedian.weights.start import Start

CPU = torch.device("cpu")
CLASSES = ("Goal", "Foul")
FRAMES_OF_HALVES = {("a", 1): 30, ("a", 2): 25, ("b", 1): 27}  # game, half -> frames, 2 a second
FRAME_SIZE = (20, 16)  # width, height
BANK_WIDTH = 6
MODEL = ModelRecipe(
    image_height=16,
    image_width=16,
    patch_size=8,
    embed_dim=12,
    depth=2,
    num_heads=2,
    num_tokens=4,
    temporal_depth=2,
    temporal_heads=2,
    drop_path=0.3,
)
SWIN = replace(MODEL, backbone="viswin", patch_size=4, swin_depths=(1, 2), swin_heads=(1, 2), swin_window=2)
PRETRAIN = PretrainSpatialRecipe(
    model=MODEL,
    optim=OptimRecipe(epochs=3, batch_size=8, base_lr=0.1, warmup_epochs=1),
    queue_size=24,
    hidden_dim=16,
    output_dim=8,
)
DISTILL = DistillRecipe(
    model=MODEL,
    optim=OptimRecipe(epochs=3, batch_size=4, base_lr=0.5, warmup_epochs=1, final_lr=0.01),
    windows_per_game=5,
    hidden_dim=16,
    queue_size=24,
)
FINETUNE = FinetuneRecipe(
    model=MODEL,
    head=OptimRecipe(epochs=2, batch_size=4, base_lr=0.5, final_lr=0.01),
    full=OptimRecipe(epochs=3, batch_size=4, base_lr=0.5, final_lr=0.01),
    scratch_epochs=2,
    windows_per_game=5,
    classes=CLASSES,
    spot=SpotRecipe(ignored_seconds=1.0),
)
RECIPES = {
    "pretrain": PRETRAIN,
    "distill": DISTILL,
    "queue": replace(DISTILL, candidates="queue"),
    "finetune": FINETUNE,
    "frozen": replace(
        FINETUNE,
        freeze=True,
        frozen=OptimRecipe(epochs=4, batch_size=4, base_lr=0.05, lr_scaling="none"),
        frozen_views=2,
        unfrozen_epochs=2,
        offset_reach_seconds=2.0,
    ),
}


def make_inputs(folder: Path) -> None:
    """Frames of three halves of two games, a bank of them, and random weights of each kind."""
    rng = np.random.default_rng(0)
    for (game, half), count in FRAMES_OF_HALVES.items():
        images = rng.integers(0, 256, (count, *FRAME_SIZE[::-1], 3), dtype=np.uint8)
        write_half(folder / "frames" / game / f"{half}_224p.h5", images, half)
    write_tiny_bank(folder / "bank.h5", open_halves(folder))
    for kind in ("spatial", "distilled", "spotter"):
        write_weights(folder / f"{kind}.safetensors", kind, open_halves(folder))
    write_weights(folder / "swin.safetensors", "distilled", open_halves(folder), SWIN)


def write_half(path: Path, images: np.ndarray, half: int) -> None:
    """A frames file of uint8 images (N, H, W, 3); frame k lies at k / 2 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"encoding": "raw", "sampling": "screen", "provenance": "{}", "half": half}
    frames = ((number / 2, image) for number, image in enumerate(images))
    write_frames(path, frames, fps=2.0, size=FRAME_SIZE, video=path.with_suffix(".mkv"), **about)


def generator(seed: int = 0) -> torch.Generator:
    """A seeded one."""
    return torch.Generator().manual_seed(seed)


def noise(num_clips: int, num_frames: int = MODEL.num_frames) -> torch.Tensor:
    """Clips as a loader gives them, uint8 (B, T, H, W, 3); a window's length unless told."""
    shape = (num_clips, num_frames, *FRAME_SIZE[::-1], 3)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator(1))


def loss_of(step: torch.nn.Module, *batch: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The loss of a batch with what chance decides for it."""
    return step(*batch, step.draw(len(batch[0]), generator(seed)))


def open_halves(folder: Path) -> Halves:
    """The halves under FOLDER/frames."""
    return Halves.open(find_games([folder / "frames"], FRAMES_SUFFIXES))


def write_tiny_bank(path: Path, halves: Halves, leave_out: int | None = None) -> None:
    """A bank with a random row at every whole second; one half may be left out."""
    kept = [number for number in range(len(halves.files)) if number != leave_out]
    counts = [len(halves.files[number]) // 2 for number in kept]
    rows = np.random.default_rng(1).normal(size=(sum(counts), BANK_WIDTH)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    parts = [
        BankHalf(halves.name_of(number), halves.files[number].half, sum(counts[:place]), counts[place], "")
        for place, number in enumerate(kept)
    ]
    soft = soft_targets(torch.from_numpy(rows)).numpy()
    seconds = np.concatenate([np.arange(count, dtype=np.float64) for count in counts])
    reduction = Reduction(*np.ones((2, BANK_WIDTH)), np.eye(BANK_WIDTH), np.ones(BANK_WIDTH))
    write_bank(path, rows, soft, seconds, parts, reduction, temperature_m=0.07)


def write_weights(path: Path, kind: str, halves: Halves, model: ModelRecipe = MODEL) -> None:
    """Random weights of a kind."""
    torch.manual_seed(2)
    tensors = Spotter(model, CLASSES).state_dict()
    if kind != "spotter":
        tensors = {name: value for name, value in tensors.items() if "heads." not in name}
    if kind == "spatial":
        tensors = {name: value for name, value in tensors.items() if name.startswith("spatial.")}
    classes = CLASSES if kind == "spotter" else ()
    save_checkpoint(path, kind, tensors, Header(kind, model, halves.geometry, classes))


def some_actions(halves: Halves) -> list[list[Action]]:
    """Actions every three seconds of each half."""
    return [
        [Action(file.half, 1000 * second, CLASSES[second % 2]) for second in range(1, len(file) // 2, 3)]
        for file in halves.files
    ]


def train(folder: Path, stage: str, run: Run, recipe=None, init: str | None = "default") -> None:
    """Run a stage of `RECIPES` on the inputs of FOLDER; `init` is what the stage before it left."""
    halves, recipe = open_halves(folder), recipe or RECIPES[stage]
    before = {"distill": "spatial", "queue": "spatial", "finetune": "distilled", "frozen": "distilled"}
    if init == "default":
        init = str(folder / f"{before[stage]}.safetensors") if stage in before else None
    start = Start(init)
    if stage == "pretrain":
        pretrain_spatial(halves, recipe, run, start)
    elif stage in ("finetune", "frozen"):
        actions = some_actions(halves)
        finetune(halves, actions, recipe, run, start, validation=Validation(halves, actions))
    else:
        distill(halves, Bank(folder / "bank.h5"), recipe, run, start)


def calm(recipe):
    """Without stochastic depth, which each process draws on its own, and with small steps."""
    changes = {"model": replace(recipe.model, drop_path=0.0)}
    for name in vars(recipe).keys() & {"optim", "head", "frozen", "full"}:
        changes[name] = replace(getattr(recipe, name), base_lr=0.02)
    return replace(recipe, **changes)


def of_eight(recipe, parts: int = 1):
    """`calm` with batches of eight clips, each process's share in so many parts."""
    recipe = calm(recipe)
    for name in vars(recipe).keys() & {"optim", "head", "frozen", "full"}:
        optim = replace(getattr(recipe, name), batch_size=8, accumulate=parts)
        recipe = replace(recipe, **{name: optim})
    return recipe


@contextmanager
def noted_losses() -> Iterator[list[float]]:
    """A list that in the end holds the loss of every step of the loop, the mean over processes."""
    losses, heard, backward = [], [], loop.backward

    def note(*inputs) -> torch.Tensor:
        loss = backward(*inputs)
        heard.append(distributed.mean(loss))
        return loss

    loop.backward = note
    try:
        yield losses
    finally:
        loop.backward = backward
        losses += [loss.item() for loss in heard]  # only now: to ask is to wait for the device


def _train_task(folder: Path, stage: str, output: str, how: str, device: torch.device) -> None:
    steps = []

    def emit(record: dict) -> None:
        with open(f"{output}.jsonl", "a") as file:
            file.write(json.dumps(record) + "\n")

    def report(task: str, *_: object) -> None:
        if task == TASK:
            steps.append(task)
        if how == f"kill={len(steps)}":
            os.kill(os.getpid(), signal.SIGKILL)

    recipe = {"calm": calm, "parts": lambda recipe: of_eight(recipe, parts=2)}.get(
        how, lambda recipe: recipe
    )
    run = Run(Path(output), device, emit=emit, report=report, recompute=how == "parts")
    with noted_losses() as losses:
        train(folder, stage, run, recipe(RECIPES[stage]))
    if how in ("calm", "parts") and distributed.rank() == 0:
        Path(f"{output}.losses").write_text(json.dumps(losses))


def main(folder: str, *tasks: str) -> None:
    """Do tasks in order, in as many processes as torchrun started."""
    torch.set_num_threads(1)
    with processes(CPU) as device:
        for task in tasks:
            stage, output, how = [*task.split(":"), ""][:3]
            _train_task(Path(folder), stage, output, how, device)


if __name__ == "__main__":
    main(*sys.argv[1:])
