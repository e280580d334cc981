"""The command line that the three training commands share."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ._app import gathered, parameters_of
from ._memory import bytes_of
from ._options import Device, PlanOnly, Prefer, Quiet, Root, Workers, by_name

FRAMES = typer.Argument(
    metavar="FRAMES",
    callback=by_name("frames"),
    help="Frames files, folders of them, or .txt lists of games.  [required]",
)
OUTPUT = typer.Option(
    "--output", "-o", metavar="FILE", callback=by_name("weights"), help="Weights file to write.  [required]"
)
INIT = typer.Option(
    metavar="START",
    callback=by_name("weights"),
    help="Start from weights: a file, hf:OWNER/REPO, timm:NAME or timm:NAME@FILE.",
)
RECIPE = typer.Option(
    metavar="PRESET|FILE",
    help="vivit-tiny, vivit-small, viswin-tiny, laptop, smoke or a TOML file [default: that of --init].",
)
SETTINGS = typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe; repeatable.")
BATCH_SIZE = typer.Option(
    min=1,
    metavar="NUMBER",
    help="Clips of an iteration, over all processes; the learning rate grows with it, and the memory "
    "[default: the recipe's].",
)
RECOMPUTE = typer.Option(
    "--recompute", help="Keep only the inputs of blocks, compute the rest twice: less memory, same weights."
)
MEMORY = typer.Option(
    metavar="24GB",
    parser=bytes_of,
    help="Memory of the device: batches pass in the fewest parts that fit, with --recompute if need be.",
)
EPOCHS = typer.Option(min=1, metavar="NUMBER", help="Epochs [default: the recipe's].")
SEED = typer.Option(metavar="NUMBER", help="Seed of every draw.")
TENSORBOARD = typer.Option(
    metavar="FOLDER", callback=by_name("curves"), help="Also write curves for TensorBoard into a folder."
)
SHOW = typer.Option("--show-recipe", help="Print the recipe as TOML; needs no frames and no output.")


@dataclass(frozen=True)
class Flags:
    """The values of the shared options."""

    frames: Annotated[list[str] | None, FRAMES] = None
    output: Annotated[Path | None, OUTPUT] = None
    root: Root = None
    prefer: Prefer = None
    init: Annotated[str | None, INIT] = None
    recipe: Annotated[str | None, RECIPE] = None
    settings: Annotated[list[str] | None, SETTINGS] = None
    show_recipe: Annotated[bool, SHOW] = False
    batch_size: Annotated[int | None, BATCH_SIZE] = None
    epochs: Annotated[int | None, EPOCHS] = None
    seed: Annotated[int, SEED] = 0
    device: Device = "auto"
    workers: Workers = None
    memory: Annotated[int | None, MEMORY] = None
    recompute: Annotated[bool, RECOMPUTE] = False
    tensorboard: Annotated[Path | None, TENSORBOARD] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False
    plan: PlanOnly = False
    quiet: Quiet = False


def with_flags(function: Callable) -> Callable:
    """Give a command the shared flags beside its own options; it receives them as `flags`."""
    own = [item for item in inspect.signature(function).parameters.values() if item.name != "flags"]
    shared = parameters_of(Flags)
    return gathered(function, "flags", Flags, [shared[0], *own, *shared[1:]])
