"""The command line that the three training commands share."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from ._options import Device, Quiet, Root, Workers

FRAMES = typer.Argument(metavar="FRAMES", help="Frames files, folders of them, or .txt lists of games.")
OUTPUT = typer.Option("--output", "-o", help="Weights file to write.")
INIT = typer.Option(help="Start from weights: a file, hf:OWNER/REPO, timm:NAME or timm:NAME@FILE.")
RECIPE = typer.Option(
    help="vivit-tiny, vivit-small, viswin-tiny, smoke or a TOML file [default: that of --init]."
)
SETTINGS = typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe; repeatable.")
BATCH_SIZE = typer.Option(min=1, help="Clips a step [default: the recipe's].")
EPOCHS = typer.Option(min=1, help="Epochs [default: the recipe's].")


@dataclass(frozen=True)
class Flags:
    """The values of the shared options."""

    frames: Annotated[list[str] | None, FRAMES] = None
    output: Annotated[Path | None, OUTPUT] = None
    root: Root = None
    init: Annotated[str | None, INIT] = None
    recipe: Annotated[str | None, RECIPE] = None
    settings: Annotated[list[str] | None, SETTINGS] = None
    show_recipe: Annotated[bool, typer.Option("--show-recipe", help="Print the recipe as TOML.")] = False
    batch_size: Annotated[int | None, BATCH_SIZE] = None
    epochs: Annotated[int | None, EPOCHS] = None
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0
    device: Device = "auto"
    workers: Workers = 2
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False
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
