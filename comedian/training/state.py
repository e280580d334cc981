"""The state file of an interrupted stage: written whole again and again, removed when the stage ends."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import nn

from comedian import distributed
from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.recipes.ranges import Number, Signed
from comedian.recipes.schema import table
from comedian.weights.load import with_current_names

FORMAT = "comedian training state 2"
ANEW = "delete it to begin anew"
FREE = ("accumulate",)  # settings that may change: how a batch is passed, not what is learned


@dataclass(frozen=True)
class Place:
    """Where in a stage a state was kept.

    Attributes:
        epoch: whole epochs behind it.
        losses: of the steps of the epoch it is in.
    """

    stage: str
    epoch: int = 0
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class _State:
    """What a state file holds; the tables of modules and of the optimiser are theirs to check."""

    stage: str
    identity: dict[str, Any]
    step: dict[str, Any]
    optimizer: dict[str, Any]
    epoch: Number = 0
    losses: tuple[Signed, ...] = ()


def save_state(
    path: Path, place: Place, identity: dict, step: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write what resuming at a place needs; rank 0 only.

    Args:
        identity: what must be the same when the run goes on; recipes and plain values.
    """
    if distributed.rank() == 0:
        with atomic_path(path) as temporary:
            torch.save(state_of(place, identity, step, optimizer), temporary)


def state_of(place: Place, identity: dict, step: nn.Module, optimizer: torch.optim.Optimizer) -> dict:
    """What a state file holds; arguments as `save_state`'s."""
    state = {"format": FORMAT, **vars(place), "identity": dict(_flat(identity))}
    return state | {"step": step.state_dict(), "optimizer": optimizer.state_dict()}


def restore(
    path: Path, stage: str, identity: dict, step: nn.Module, optimizer: torch.optim.Optimizer
) -> Place:
    """Load the state of an interrupted run; return its place in `stage`.

    Without a state, or when it is that of the stage before, that is the beginning.

    Raises:
        InputError: the file is damaged, its run was another one, or not all processes see it.
    """
    place = _restore(path, stage, identity, step, optimizer)
    if any(other != place for other in distributed.gather_lists([place])):
        raise InputError("is not the same for all processes", path, "keep it where every machine sees it")
    return place


def _restore(
    path: Path, stage: str, identity: dict, step: nn.Module, optimizer: torch.optim.Optimizer
) -> Place:
    """What this process finds."""
    if not path.exists():
        return Place(stage)
    state = _load(path)
    _check(state["identity"], dict(_flat(identity)), path)
    if state["stage"] != stage:
        return Place(stage)
    try:
        step.load_state_dict(with_current_names(state["step"], "spotter."))
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"is of another network: {reason}", path, ANEW) from None
    return Place(stage, state["epoch"], state["losses"])


def read_place(path: Path) -> dict[str, Any]:
    """What a state says of itself, without its tensors: place, settings, the best epoch so far.

    Raises:
        InputError: it is damaged, or none.
    """
    state = None
    with suppress(Exception):  # a damaged file fails in any way there is
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError("is damaged, or not a state to resume from", path, ANEW)
    found = table(state, _State, path, ANEW)
    best = found.step.get("_extra_state")
    best = best if isinstance(best, dict) else {}
    return {
        "stage": found.stage,
        "epochs_done": found.epoch,
        "iterations_into_epoch": len(found.losses),
        "settings": found.identity,
        "best": {
            key: best[key] for key in ("score", "stage", "epoch") if best.get("stage") and key in best
        },
    }


def interrupted_stage(path: Path) -> str | None:
    """Name of the stage whose state lies there, or None; InputError if it is damaged."""
    return _load(path)["stage"] if path.exists() else None


def _load(path: Path) -> dict:
    """A state of ours, which is a zip archive with check sums; InputError for anything else."""
    state = None
    with suppress(Exception):  # a damaged file fails in any way there is
        if ZipFile(path).testzip() is None:
            state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError("is damaged, or not a state to resume from", path, ANEW)
    return vars(table(state, _State, path, ANEW))


def _check(begun: dict, now: dict, path: Path) -> None:
    """Raise InputError where what both runs know of differs."""
    for key, value in now.items():
        if key in begun and begun[key] != value and key.rpartition(".")[2] not in FREE:
            what = f"was begun with {key} = {begun[key]!r}, now it is {value!r}"
            raise InputError(what, path, f"go on as it was begun, or {ANEW}")


def _flat(values: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted keys and plain values of nested dicts and dataclasses; a dataclass is also its own name."""
    for key, value in values.items():
        if is_dataclass(value):
            yield f"{prefix}{key}", type(value).__name__
            value = vars(value)
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
