"""The loop that every training step shares: steps, learning rate, precision, clipping, resuming."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from comedian import distributed
from comedian.data.halves import Halves
from comedian.devices import has_bf16
from comedian.errors import InputError
from comedian.formats.checkpoint import JPEG_QUALITY, Header, save_checkpoint
from comedian.formats.provenance import provenance
from comedian.models.recompute import recompute
from comedian.recipes.ranges import Precision
from comedian.recipes.schema import checked
from comedian.recipes.stages import OptimRecipe
from comedian.training.accumulate import backward, parts_of
from comedian.training.epochs import Epochs
from comedian.training.optim import adamw
from comedian.training.pace import ALONE, Around
from comedian.training.run import Run
from comedian.training.schedule import learning_rate, seed_of
from comedian.training.state import Place, restore, save_state
from comedian.training.watch import Watch
from comedian.weights.start import Start

LARGEST_WEIGHT = torch.finfo(torch.float16).max  # beyond it a weight fits no half precision: it diverged
STATE_ITERATIONS = 250  # a long epoch's state is kept this often: minutes of work, a second of writing


class Stage(NamedTuple):
    """What is trained, and how.

    Attributes:
        name: in progress, records, seeds and the state file.
        step: a module whose forward(*batch, drawn) is the loss of clips of this process. It has the stage's
            `recipe`, which says the precision and guards the state file, and a method
            draw(clips of this process, generator) that lets chance decide for a batch.
        epochs: gives this process's batches.
        parts: prefix of tensors' names -> module, of what is kept in the end.
        after_iteration: called with the number of the iteration just done and the total.
        together: neighbours in a batch that are passed in the same part of it.
    """

    name: str
    step: nn.Module
    optim: OptimRecipe
    peak_lr: float
    epochs: Epochs
    parts: dict[str, nn.Module]
    after_iteration: Callable[[int, int], None] = lambda number, total: None
    together: int = 1


def fit(
    stage: Stage,
    run: Run,
    after_epoch: Callable[[int], dict] = lambda epoch: {},
    around: Around = ALONE,
) -> None:
    """Train a stage.

    Args:
        after_epoch: called with the epoch just done; what it returns joins the epoch's record.
        around: the run's other stages.

    Raises:
        InputError: the loss is not finite, weights have grown beyond use, or the state for resuming is
            damaged or of another run.
    """
    name, step, optim, peak_lr, epochs, _, after_iteration, together = stage
    recipe: Any = step.recipe
    draw: Any = step.draw
    precision = autocast(run.device, recipe.precision)
    parts = parts_of(optim.batch_size // distributed.world_size(), optim.accumulate, together)
    step.to(run.device)  # before the optimiser, whose state is loaded to where the parameters are
    optimizer = adamw(step, optim, run.device)
    identity: dict[str, Any] = {
        "seed": run.seed,
        "recipe": recipe,
        f"steps an epoch of {name}": epochs.iterations,
    }
    identity |= run.made_from
    place = restore(run.state_path, name, identity, step, optimizer) if run.resume else Place(name)
    if run.recompute:
        recompute(step)
    model = distributed.together(step)
    watch = Watch(run, name, optim.epochs, epochs.iterations, around)
    while (epoch := place.epoch) < optim.epochs:
        began = time.perf_counter()
        losses = [torch.tensor(loss, device=run.device) for loss in place.losses]
        first = len(losses)
        step.train()
        start = epoch * epochs.iterations + first
        for number, batch in enumerate(epochs.batches(epoch, first), start):
            rate = learning_rate(number, epochs.iterations, optim, peak_lr)
            drawn = draw(len(batch[0]), _seeded(run.seed, name, number))
            losses.append(backward(model, batch, drawn, parts, precision))
            descend(optimizer, rate, optim.clip_norm)
            after_iteration(number, optim.epochs * epochs.iterations)
            watch.iteration(epoch, losses)
            if len(losses) % STATE_ITERATIONS == 0 and len(losses) < epochs.iterations:
                place = Place(name, epoch, tuple(_everyones(losses, name, epoch).tolist()))
                _check_weights(step, name, epoch)
                save_state(run.state_path, place, identity, step, optimizer)
        loss = _everyones(losses, name, epoch).mean().item()
        _check_weights(step, name, epoch)
        record = {"stage": name, "epoch": epoch + 1, "loss": loss, "lr": rate}
        record |= {"seconds": round(time.perf_counter() - began, 2), **after_epoch(epoch)}
        watch.epoch(record)  # before the epoch is kept: stopped in between it is told again, never lost
        place = Place(name, epoch + 1)
        save_state(run.state_path, place, identity, step, optimizer)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision as the recipe says."""
    return torch.autocast(device.type, torch.bfloat16, enabled=mixes_precision(device, precision))


def mixes_precision(device: torch.device, precision: str) -> bool:
    """Whether products are bfloat16: "bf16", "fp32", or "auto", bf16 where a card has it in hardware."""
    checked("precision", precision, Precision, "the recipe")
    return precision == "bf16" or (precision == "auto" and has_bf16(device))


def _seeded(*place: int | str) -> torch.Generator:
    """The CPU generator of a step's draws, alike on all processes.

    Stochastic depth draws from the global generators, which are seeded here apart on each process.
    """
    torch.manual_seed(seed_of(*place, "process", distributed.rank()))
    return torch.Generator().manual_seed(seed_of(*place))


def descend(optimizer: torch.optim.Optimizer, rate: float, clip_norm: float) -> None:
    """One clipped step down the gradient, which is forgotten."""
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    nn.utils.clip_grad_norm_(parameters, clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _everyones(losses: list[Tensor], name: str, epoch: int) -> Tensor:
    """The losses of steps, each the mean over processes; InputError unless they are finite."""
    shared = distributed.mean(torch.stack(losses))
    if not (finite := shared.isfinite()).all():
        what = f"{name}: the loss is {shared[~finite][0]} in epoch {epoch + 1}"
        raise InputError(what, remedy="lower the learning rate")
    return shared


def _check_weights(step: nn.Module, name: str, epoch: int) -> None:
    """Raise InputError where training has driven a weight beyond `LARGEST_WEIGHT`, or to NaN."""
    largest = torch.stack([value.detach().abs().amax().float() for value in step.parameters()])
    if not (within := largest <= LARGEST_WEIGHT).all():
        what = f"{name}: a weight is {largest[~within][0]:g} in epoch {epoch + 1}"
        raise InputError(what, remedy="lower the learning rate")


def finish(run: Run, *result: Any, **about: Any) -> None:
    """Save a stage's result as `save_result` does, and remove what lay beside it meanwhile; rank 0 only."""
    save_result(run.output, *result, **about)
    if distributed.rank() == 0:
        run.state_path.unlink(missing_ok=True)
        run.so_far_path.unlink(missing_ok=True)


def save_result(
    path: Path,
    kind: str,
    modules: dict[str, nn.Module],
    recipe,
    halves: Halves,
    *,
    preset: str,
    start: Start,
    parents: Sequence[Path] = (),
    classes: tuple[str, ...] = (),
    curves: dict | None = None,
) -> None:
    """Save what a stage has made; rank 0 only.

    Args:
        modules: prefix of the tensors' names ("spatial", "temporal", "projector") -> module.
        preset: the recipe that was named.
        start: what it started from.
        parents: further files it was made from.
        curves: precision and recall of a spotter's classes, as `comedian.evaluation.curves` makes them.
    """
    if distributed.rank() != 0:
        return
    resolved = {"preset": preset, **asdict(recipe)}
    if kind == "spotter":
        resolved[JPEG_QUALITY] = halves.files[0].jpeg_quality
    header = Header(
        kind=kind,
        model=recipe.model,
        classes=classes,
        geometry=halves.geometry,
        recipe=resolved,
        curves=curves or {},
        offset_reach_seconds=getattr(recipe, "offset_reach_seconds", 0.0),
        provenance=provenance(resolved, [*start.files, *parents]),
    )
    tensors = {
        f"{prefix}.{name}": value
        for prefix, module in modules.items()
        for name, value in module.state_dict().items()
    }
    save_checkpoint(path, kind, tensors, header)
