"""The loop that every training step shares: steps, learning rate, precision, clipping, resuming."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.recipes.stages import OptimRecipe
from comedian.training import distributed
from comedian.training.optim import adamw
from comedian.training.schedule import learning_rate, seed_of


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
    precision: str = "auto",
    after_step: Callable[[int, int], None] = lambda number, total: None,
    after_epoch: Callable[[int], dict] = lambda epoch: {},
) -> None:
    """Train `step`, a module whose forward(*batch, generator) is the loss of this process's slice.

    Args:
        name: the stage's name, in progress, records, seeds and the state file.
        batches: epoch -> this process's batches, `steps_per_epoch` of them.
        after_step: called with the number of the step just done and the total.
        after_epoch: called with the epoch just done; what it returns joins the epoch's record.
    """
    optimizer = adamw(step, optim, run.device)
    epoch = restore(name, step, optimizer, run) if run.resume else 0
    model = _distributed(step, run.device)
    total = optim.epochs * steps_per_epoch
    for epoch in range(epoch, optim.epochs):  # noqa: B020
        began, losses = time.perf_counter(), []
        step.train()
        for number, batch in enumerate(batches(epoch), start=epoch * steps_per_epoch):
            rate = learning_rate(number, steps_per_epoch, optim, peak_lr)
            losses.append(_one_step(model, optimizer, batch, rate, optim, name, number, run, precision))
            after_step(number, total)
            run.report(f"{name} {epoch + 1}/{optim.epochs}", len(losses), steps_per_epoch)
        loss = distributed.mean(torch.stack(losses).mean()).item()
        seconds = time.perf_counter() - began
        _check_finite(loss, name, epoch)
        record = {"stage": name, "epoch": epoch + 1, "loss": loss, "lr": rate, "seconds": round(seconds, 2)}
        record |= after_epoch(epoch)
        save_state(name, epoch + 1, step, optimizer, run)
        if distributed.rank() == 0:
            run.emit(record)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision as the recipe says: "bf16", "fp32", or "auto", bf16 on CUDA only."""
    if precision not in ("auto", "bf16", "fp32"):
        raise InputError(f"precision is {precision!r}", remedy='use "auto", "bf16" or "fp32"')
    enabled = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def save_state(name: str, epoch: int, step: nn.Module, optimizer: torch.optim.Optimizer, run: Run) -> None:
    """Write what `--resume` needs, whole or not at all; rank 0 only."""
    if distributed.rank() == 0:
        state = {"stage": name, "epoch": epoch, "seed": run.seed}
        state |= {"step": step.state_dict(), "optimizer": optimizer.state_dict()}
        with atomic_path(run.state_path) as temporary:
            torch.save(state, temporary)
    distributed.barrier()


def interrupted_stage(run: Run) -> str | None:
    """Name of the stage whose state lies beside the output, or None."""
    if not run.state_path.exists():
        return None
    return _load_state(run)["stage"]


def restore(name: str, step: nn.Module, optimizer: torch.optim.Optimizer, run: Run) -> int:
    """Load the state of an interrupted run; return the epochs it has done in stage `name`."""
    if not run.state_path.exists():
        return 0
    state = _load_state(run)
    if state["stage"] != name:
        return 0
    if state["seed"] != run.seed:
        raise InputError(f"was begun with --seed {state['seed']}", run.state_path, "use that seed")
    try:
        step.load_state_dict(state["step"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise _cannot_resume(run, error) from None
    return state["epoch"]


def _load_state(run: Run) -> dict:
    try:
        return torch.load(run.state_path, map_location=run.device, weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError) as error:
        raise _cannot_resume(run, error) from None


def _cannot_resume(run: Run, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    return InputError(f"cannot resume: {reason}", run.state_path, "delete it to begin anew")


def _one_step(model, optimizer, batch, rate, optim, name, number, run, precision) -> Tensor:
    seed = seed_of(run.seed, name, number)
    torch.manual_seed(seed)  # stochastic depth draws from the global generator
    generator = torch.Generator().manual_seed(seed)
    for group in optimizer.param_groups:
        group["lr"] = rate
    with autocast(run.device, precision):
        loss = model(*batch, generator)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), optim.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def _distributed(step: nn.Module, device: torch.device) -> nn.Module:
    step.to(device)
    if distributed.world_size() == 1:
        return step
    return DistributedDataParallel(step, broadcast_buffers=False)


def _check_finite(loss: float, name: str, epoch: int) -> None:
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise InputError(
            f"{name}: the loss is {loss} after epoch {epoch + 1}", remedy="lower the learning rate"
        )
