"""comedian check-recipe: what would stop the full recipe, before its first hour."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._flags import MEMORY
from ._frames import Frames, with_frames
from ._options import Prefer, Quiet
from ._progress import progress
from ._say import warn

NAME = "comedian check-recipe"
TRAIN = typer.Argument(metavar="TRAIN", help="List of the games to train on.")
VALID = typer.Option(metavar="LIST", help="List of the games to validate on.")
TEST = typer.Option(metavar="LIST", help="List of the games to spot and score.")
ROOT = typer.Option(metavar="FOLDER", help="Games and their labels [default: TRAIN's folder].")
WORK = typer.Option(metavar="FOLDER", help="What the recipe makes.")
RECIPE = typer.Option(metavar="PRESET|FILE", help="As the training commands take it.")
SET = typer.Option("--set", metavar="KEY=VALUE", help="For all steps, or STEP.KEY=VALUE; repeatable.")
BATCH = typer.Option(metavar="NUMBER", help="For all steps, or STEP=NUMBER; repeatable.")
EPOCHS = typer.Option(metavar="NUMBER", help="For all steps, or STEP=NUMBER; repeatable.")
LAUNCH = typer.Option(metavar="COMMAND", help="What starts several processes, such as torchrun.")
BANK = typer.Option(metavar="OPTIONS", help="Those of build-bank.")


@with_frames
def check_recipe(
    train: Annotated[Path, TRAIN],
    *,
    valid: Annotated[Path | None, VALID] = None,
    test: Annotated[Path | None, TEST] = None,
    root: Annotated[Path | None, ROOT] = None,
    work: Annotated[Path, WORK] = Path("work"),
    recipe: Annotated[str, RECIPE] = "vivit-tiny",
    settings: Annotated[list[str] | None, SET] = None,
    batch_size: Annotated[list[str] | None, BATCH] = None,
    epochs: Annotated[list[str] | None, EPOCHS] = None,
    memory: Annotated[int | None, MEMORY] = None,
    launch: Annotated[str, LAUNCH] = "",
    bank: Annotated[str, BANK] = "",
    prefer: Prefer = None,
    frames: Frames,
    quiet: Quiet = False,
) -> None:
    """Say what would stop the full recipe: lists, videos, labels, settings, disk, memory, cards.

    All findings at once, one line each, and exit status 1 if there is one. Lines that say `note:` are only
    to be known. `make recipe` begins with this; frames that are there stand for their videos.
    """
    from comedian.training.ready import Asked, findings

    lists = {"train": train, "valid": valid, "test": test}
    started = _after("nproc-per-node", launch) or "1"  # of torchrun, on each machine
    machines = _after("nnodes", launch)
    asked = Asked(
        lists={name: path for name, path in lists.items() if path},
        data=root or train.parent,
        work=work,
        preset=recipe,
        settings=settings or (),
        batch_sizes=batch_size or (),
        epochs=epochs or (),
        processes=_number(started),
        machines=int(machines) if machines.isdecimal() else 1,
        prefer=prefer,
        frames=frames.recipe,
        features=_after("features-name", bank),
        memory=memory,
        workers=frames.workers,
    )
    hurts = 0
    with progress(quiet) as report:
        for finding in findings(asked, report):
            print(finding, flush=True)
            hurts += finding.hurts
    if not quiet:
        warn(NAME, f"{hurts or 'no'} finding{'' if hurts == 1 else 's'}")
    if hurts:
        raise typer.Exit(1)


def _after(option: str, text: str) -> str:
    """The value of an option, named without its dashes, in a text of several; or ""."""
    try:
        words = [part for word in shlex.split(text) for part in word.split("=", 1)]
    except ValueError:
        raise InputError("a quotation mark is not closed", text, "close it") from None
    names = [word.lstrip("-").replace("_", "-") for word in words]
    return words[names.index(option) + 1] if option in names[:-1] else ""


def _number(text: str) -> int:
    """Processes of torchrun: a number, or one for each card."""
    if text.isdecimal():
        return max(int(text), 1)
    from torch.cuda import device_count

    return max(device_count(), 1)


main = command(
    check_recipe, example="comedian check-recipe train.txt --test test.txt --work work", name=NAME
)
