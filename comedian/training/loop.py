"""The loop that every training step shares: steps, learning rate, precision, clipping, resuming."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from comedian.errors import InputError
from comedian.recipes.stages import OptimRecipe
from comedian.training import distributed
from comedian.training.optim import adamw
from comedian.training.schedule import learning_rate, seed_of
from comedian.training.state import restore, save_state


@dataclass(frozen=True)
class Run:
    """How a stage is run; with the same seed nothing here changes what is learned.

    Attributes:
        output: the weights file; the state for resuming lies beside it while the stage runs.
        resume: go on from that state, if there is one.
        report: moves a progress bar (task, done, total).
        emit: takes one dict per epoch.
    """

    output: Path
    device: torch.device
    workers: int = 2
    seed: int = 0
    resume: bool = False
    report: Callable[[str, float, float], None] = lambda task, done, total: None
    emit: Callable[[dict], None] = lambda record: None

    @property
    def state_path(self) -> Path:
        """Where the state for resuming lies."""
        return self.output.with_name(f"{self.output.name}.resume")


def fit(
    name: str,
    step: nn.Module,
    optim: OptimRecipe,
    peak_lr: float,
    steps_per_epoch: int,
    batches: Callable[[int], Iterable[tuple]],
    run: Run,
    after_step: Callable[[int, int], None] = lambda number, total: None,
    after_epoch: Callable[[int], dict] = lambda epoch: {},
) -> None:
    """Train `step`, a module whose forward(*batch, generator) is the loss of this process's slice.

    Args:
        name: the stage's name, in progress, records, seeds and the state file.
        step: it has the stage's `recipe`, which says the precision and guards the state file.
        batches: epoch -> this process's batches, `steps_per_epoch` of them.
        after_step: called with the number of the step just done and the total.
        after_epoch: called with the epoch just done; what it returns joins the epoch's record.

    Raises:
        InputError: the loss is not finite, or the state for resuming is damaged or of another run.
    """
    precision = autocast(run.device, step.recipe.precision)
    step.to(run.device)  # before the optimiser, whose state is loaded to where the parameters are
    optimizer = adamw(step, optim, run.device)
    identity = {"seed": run.seed, "recipe": step.recipe, f"steps an epoch of {name}": steps_per_epoch}
    done = restore(run.state_path, name, identity, step, optimizer) if run.resume else 0
    model = distributed.together(step)
    for epoch in range(done, optim.epochs):
        began, losses = time.perf_counter(), []
        step.train()
        for number, batch in enumerate(batches(epoch), start=epoch * steps_per_epoch):
            rate = learning_rate(number, steps_per_epoch, optim, peak_lr)
            generator = _seeded(run.seed, name, number)
            with precision:
                loss = model(*batch, generator)
            losses.append(_descend(loss, optimizer, rate, optim.clip_norm))
            after_step(number, optim.epochs * steps_per_epoch)
            run.report(f"{name} {epoch + 1}/{optim.epochs}", len(losses), steps_per_epoch)
        record = {"stage": name, "epoch": epoch + 1, "loss": _mean_loss(losses, name, epoch), "lr": rate}
        record |= {"seconds": round(time.perf_counter() - began, 2), **after_epoch(epoch)}
        save_state(run.state_path, name, epoch + 1, identity, step, optimizer)
        if distributed.rank() == 0:
            run.emit(record)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision as the recipe says: "bf16", "fp32", or "auto", bf16 on CUDA only."""
    if precision not in ("auto", "bf16", "fp32"):
        raise InputError(f"precision is {precision!r}", remedy='use "auto", "bf16" or "fp32"')
    enabled = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _seeded(*place: int | str) -> torch.Generator:
    """The CPU generator of a step's draws, alike on all processes.

    Stochastic depth draws from the global generators, which are seeded here apart on each process.
    """
    torch.manual_seed(seed_of(*place, "process", distributed.rank()))
    return torch.Generator().manual_seed(seed_of(*place))


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer, rate: float, clip_norm: float) -> Tensor:
    """One clipped step down the gradient of a loss; return the loss without its graph."""
    loss.backward()
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    nn.utils.clip_grad_norm_(parameters, clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def _mean_loss(losses: list[Tensor], name: str, epoch: int) -> float:
    """Mean of an epoch's losses over steps and processes; InputError if it is not finite."""
    loss = distributed.mean(torch.stack(losses).mean()).item()
    if not math.isfinite(loss):
        what = f"{name}: the loss is {loss} after epoch {epoch + 1}"
        raise InputError(what, remedy="lower the learning rate")
    return loss
