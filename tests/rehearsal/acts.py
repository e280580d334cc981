"""What is rehearsed: every stage on a device, as numbers that are the same on each."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from comedian.bank import teacher
from comedian.bank.neighbours import neighbour_targets
from comedian.bank.soft_targets import soft_targets
from comedian.data import augment
from comedian.data.augment import to_input
from comedian.formats.checkpoint import load_checkpoint
from comedian.losses import attention
from comedian.losses.sce import sce_loss, sce_loss_queue, targets
from comedian.models import packed
from comedian.recipes.augment import AugmentRecipe
from comedian.recipes.stages import SpotRecipe
from comedian.spotting import encode
from comedian.spotting.sliding import join, score_stream
from comedian.training import loop
from comedian.training.run import Run
from comedian.weights.load import load_spotter
from tests.rehearsal.pretended import Asked, numbers_of, pretended_card
from tests.training import stages
from tests.training.conftest import interrupted

Act = Callable[[torch.device, Path], Tensor]


class Iterations:
    """What the card was asked for in each iteration: (kernels, waits, copies)."""

    def __init__(self, asked: Asked):
        self.asked, self.marks, self.counts = asked, [], []

    def begin(self, seed: int, name: str, number: int) -> None:
        """The iteration `number` of a stage begins."""
        before, self.marks = self.marks, [name, number, self.asked.totals()]
        if before and before[:2] == [name, number - 1]:
            self.counts.append(
                tuple(now - then for now, then in zip(self.marks[2], before[2], strict=True))
            )


class Inline:
    """In place of a pool of threads: a pretended card is known to one thread only."""

    def __init__(self, *_, **__):
        pass

    def submit(self, function, *args):
        """Do it at once."""
        done = Future()
        try:
            done.set_result(function(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, **_):
        """Nothing is under way."""


@contextmanager
def stage_of(device: torch.device) -> Iterator[Asked | None]:
    """Where an act takes place; a state is saved as a card's tensors are, by their numbers."""
    if device.type == "cpu":
        yield None
        return
    save = torch.save
    with (
        mock.patch.object(torch, "save", lambda value, *to: save(tree_map(_copied, value), *to)),
        mock.patch.object(encode, "ThreadPoolExecutor", Inline),
        mock.patch.object(packed, "packed", lambda module: module),
        pretended_card() as asked,
    ):
        try:
            yield asked
        finally:  # what is kept for a card must not meet a real one
            augment._seen.cache_clear()
            attention._fused.cache_clear()


def _copied(value):
    return numbers_of(value).clone() if isinstance(value, Tensor) else value


def view(recipe: AugmentRecipe) -> Act:
    """A view of 16 clips, four of them at a time."""

    def act(device, folder):
        frames = stages.noise(16, 8).to(device)
        with mock.patch.dict("comedian.data.augment.CHUNK_FRAMES", {"cpu": 32, "cuda": 32}):
            return augment.augment(frames, recipe, (32, 32), stages.generator(3))

    return act


def whole_frames(device, folder):
    """What `spot` and a teacher look at."""
    return to_input(stages.noise(6, 4).to(device), (32, 32), (0.4, 0.5, 0.6), (0.2, 0.2, 0.3))


def unit(rows, dtype=torch.float32, seed=0):
    """Random unit rows."""
    made = torch.randn(rows, 12, generator=stages.generator(seed))
    return torch.nn.functional.normalize(made, dim=-1).to(dtype)


def soft(dtype) -> Act:
    """Soft targets of a bank with rows that occur twice."""
    return lambda device, folder: soft_targets(
        torch.cat([unit(300, dtype), unit(20, dtype)]).to(device), block=64
    )


def from_neighbours(device, folder):
    """Soft targets from the nearest rows."""
    found, left_out = neighbour_targets(unit(300, torch.float16).to(device), 20, block=64)
    return torch.cat([found.flatten(), torch.tensor([left_out.mean, left_out.maximum]).to(device)])


def sce(dtype) -> Act:
    """Step 2's loss and its gradient."""

    def act(device, folder):
        bank, z = unit(300, dtype).to(device), unit(24, seed=1).to(device).requires_grad_()
        loss = sce_loss(z, targets(bank[:24].float(), bank[24:48].float()), bank, block=64)
        loss.backward()
        return torch.cat([loss.detach()[None], z.grad.flatten()])

    return act


def sce_of_queue(device, folder):
    """The authors' variant of it."""
    z = unit(24, seed=1).view(4, 6, 12).to(device).requires_grad_()
    own, queue = unit(24, seed=2).view(4, 6, 12).to(device), unit(40, seed=3).to(device)
    loss = sce_loss_queue(z, own, queue, block=16)
    loss.backward()
    return torch.cat([loss.detach()[None], z.grad.flatten()])


def training(
    name: str, network: str = "vivit", *, parts: int = 1, again: bool = False, stop: int = 0
) -> Act:
    """A stage of three iterations an epoch; `stop` interrupts it after so many epochs, and it goes on."""
    recipe = _short(
        replace(stages.RECIPES[name], model=stages.SWIN if network == "viswin" else stages.MODEL)
    )
    for key in vars(recipe).keys() & {"optim", "head", "full"}:
        optim = replace(getattr(recipe, key), accumulate=parts, epochs=1 + (stop > 0))
        recipe = replace(recipe, **{key: optim})
    if network == "viswin" and name in ("distill", "queue"):
        recipe = replace(recipe, copy_temporal=False)

    def act(device, folder):
        start = None if name == "pretrain" else str(folder / "swin.safetensors")
        start = "default" if network == "vivit" else start
        run = Run(folder / f"{name}.safetensors", device, recompute=again)
        with stages.noted_losses() as losses:
            if stop:
                with interrupted(stop):
                    stages.train(folder, name, run, recipe, start)
            stages.train(folder, name, replace(run, resume=stop > 0), recipe, start)
        weights = load_checkpoint(run.output).tensors
        run.output.unlink()
        return torch.cat([torch.tensor(losses), *(value.flatten() for value in weights.values())])

    return act


def frozen(device: torch.device, folder: Path) -> Tensor:
    """Step 3 on a frozen spatial transformer, whose tokens are made on the device and kept."""
    for kept in folder.rglob("*.tokens*"):
        kept.unlink()
    optim = stages.OptimRecipe(epochs=1, batch_size=4, base_lr=1e-3, lr_scaling="none")
    recipe = replace(_short(stages.FINETUNE), freeze=True, frozen=optim, frozen_views=1)
    run = Run(folder / "frozen.safetensors", device)
    with stages.noted_losses() as losses:
        stages.train(folder, "finetune", run, recipe, str(folder / "spatial.safetensors"))
    return torch.tensor(losses)


def _short(recipe):
    """Without chance in the network, small steps, three iterations an epoch."""
    recipe = stages.calm(replace(recipe, precision="fp32"))
    for key in vars(recipe).keys() & {"optim", "head", "full"}:
        optim = replace(getattr(recipe, key), base_lr=1e-3, warmup_epochs=0)
        recipe = replace(recipe, **{key: replace(optim, batch_size=12 if key == "optim" else 4)})
    if hasattr(recipe, "windows_per_game"):
        optim = {"optim": replace(recipe.optim, batch_size=4)} if hasattr(recipe, "optim") else {}
        recipe = replace(recipe, windows_per_game=6, **optim)
    return recipe


def spot(device, folder):
    """Scores of two spotters together."""
    spotters = [load_spotter(folder / "spotter.safetensors") for _ in range(2)]
    images = np.random.default_rng(0).integers(0, 256, (90, *stages.FRAME_SIZE[::-1], 3), dtype=np.uint8)
    frames = ((number / 2, image) for number, image in enumerate(images))
    return torch.from_numpy(join(score_stream(frames, spotters, SpotRecipe(1.0), device)).probabilities)


def teaching(kind: str) -> Act:
    """A bank's rows from our own weights."""

    def act(device, folder):
        halves, guide = (
            stages.open_halves(folder),
            teacher.load_teacher(str(folder / f"{kind}.safetensors"), device),
        )
        parts = teacher._parts(guide, halves, folder, device, 4, 1, lambda *_: None)
        return torch.cat([torch.from_numpy(part.load()) for part in parts])

    return act


def performed(act: Act, device: torch.device, folder: Path) -> tuple[Tensor, Asked | None, list]:
    """An act's numbers, what the card was asked for, and that of each iteration."""
    seeded = loop._seeded
    with stage_of(device) as asked:
        iterations = Iterations(asked) if asked else None

        def begun(*place):
            if iterations:
                iterations.begin(*place)
            return seeded(*place)

        with mock.patch.object(loop, "_seeded", begun):
            found = numbers_of(act(device, folder)).detach().float()
    return found, asked, iterations.counts if iterations else []
