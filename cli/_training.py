"""What the three training commands share: their flags, the recipe, the frames, the run."""

import functools
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from comedian.errors import InputError
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.recipes.resolve import resolve, to_toml

from ._io import refuse_dash, warn
from ._options import Device, Quiet, Root, Workers, pick_device
from ._progress import progress

DEFAULT_RECIPE = "vivit-tiny"
FRAMES = typer.Argument(metavar="FRAMES", help="Frames files, folders of them, or .txt lists of games.")
RECIPE = typer.Option(
    help="vivit-tiny, vivit-small, viswin-tiny, smoke or a TOML file [default: that of --init]."
)


@dataclass(frozen=True)
class Flags:
    """The command line that all training commands share."""

    frames: Annotated[list[str] | None, FRAMES] = None
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Weights file to write.")] = None
    root: Root = None
    init: Annotated[str | None, typer.Option(help="Start from a weights file, or from timm:NAME.")] = None
    recipe: Annotated[str | None, RECIPE] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe.")
    ] = None
    show_recipe: Annotated[bool, typer.Option("--show-recipe", help="Print the recipe as TOML.")] = False
    batch_size: Annotated[int | None, typer.Option(min=1, help="Clips a step [default: the recipe's].")] = (
        None
    )
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs [default: the recipe's].")] = None
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0
    device: Device = "auto"
    workers: Workers = 2
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = (
        False
    )
    quiet: Quiet = False


def with_flags(function: Callable) -> Callable:
    """Give a command the shared flags beside its own options; it receives them as `flags`."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = inspect.signature(function).parameters.values()
    own = [item.replace(kind=keyword) for item in parameters if item.name != "flags"]
    shared = [
        inspect.Parameter(item.name, keyword, default=item.default, annotation=item.type)
        for item in fields(Flags)
    ]

    @functools.wraps(function)
    def run(**values: Any) -> None:
        flags = Flags(**{item.name: values.pop(item.name) for item in fields(Flags)})
        function(flags=flags, **values)

    run.__signature__ = inspect.Signature([shared[0], *own, *shared[1:]])
    run.__annotations__ = {item.name: item.annotation for item in (*own, *shared)}
    del run.__wrapped__
    return run


def train(stage: str, flags: Flags, overrides: dict[str, Any], run_stage: Callable) -> None:
    """Resolve the recipe, open the frames and call `run_stage(halves, recipe, run, preset)`."""
    preset = flags.recipe or _preset_of(flags.init)
    recipe = resolve(stage, preset, flags.settings or (), overrides)
    if flags.show_recipe:
        print(to_toml(stage, recipe), end="")
        return
    _check(flags)
    from comedian.clips import Halves
    from comedian.training.distributed import processes
    from comedian.training.loop import Run

    if flags.init is None and not flags.quiet:
        warn(stage, "no --init, starting from random weights")
    halves = Halves.open(find_games(flags.frames, FRAMES_SUFFIXES, flags.root))
    with processes(pick_device(flags.device)) as device, progress(flags.quiet) as report:
        run = Run(flags.output, device, flags.workers, flags.seed, flags.resume, report, _emit)
        run_stage(halves, recipe, run, preset)
    run.state_path.unlink(missing_ok=True)


def _check(flags: Flags) -> None:
    if not flags.frames:
        raise InputError("no frames were given", remedy="name frames files, folders or lists")
    if flags.output is None:
        raise InputError("no output was given", remedy="name a weights file with -o")
    for path in (flags.output, flags.init, *flags.frames):
        refuse_dash(path, "weights and frames")
    if flags.output.is_dir():
        raise InputError("is a folder", flags.output, "name a weights file with -o")


def _preset_of(init: str | None) -> str:
    """The recipe an earlier step was trained with, so that it need not be named again."""
    if init is None or init.startswith("timm:"):
        return DEFAULT_RECIPE
    refuse_dash(init, "weights")
    from comedian.formats.checkpoint import read_header

    return read_header(init).recipe.get("preset", DEFAULT_RECIPE)


def _emit(record: dict) -> None:
    json.dump(record, sys.stdout)
    print(flush=True)
