"""check-data: what would go wrong with videos, frames, banks, labels and spots."""

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._io import open_spots
from ._options import LabelsPath, Prefer, Quiet, Root, by_name
from ._progress import progress
from ._say import warn

NAME = "check-data"
SOURCES = typer.Argument(
    metavar="FILES",
    help="Videos, frames, features, banks, scores, weights, labels, spots (- for standard input), folders "
    "or .txt lists of them.  [required]",
)
CLASSES = typer.Option(
    metavar="NAME,…|FILE",
    help="File of class names, or names with commas [default: SoccerNet's 17 where a label is one].",
)
TEST = typer.Option(
    metavar="LIST|FOLDER", callback=by_name("lists"), help="Games to test on, of which none may be here."
)
FEATURES_FPS = typer.Option(min=0.001, metavar="RATE", help="Rows a second of feature files.")
FPS = typer.Option(min=1, max=1000, metavar="RATE", help="Frames a second of the evaluation.")
DECODE = typer.Option("--decode", help="Look at every picture and row, not only at times and headers.")


def check_data(
    files: Annotated[list[str] | None, SOURCES] = None,
    labels: LabelsPath = None,
    classes: Annotated[str | None, CLASSES] = None,
    test: Annotated[Path | None, TEST] = None,
    root: Root = None,
    prefer: Prefer = None,
    features_fps: Annotated[float, FEATURES_FPS] = 1.0,
    fps: Annotated[int, FPS] = 2,
    decode: Annotated[bool, DECODE] = False,
    quiet: Quiet = False,
) -> None:
    """Say what would go wrong with data, before hours of work: one line a finding.

    Exit status 1 when something would hurt. Lines that say `note:` are only to be known.
    """
    if not files:
        raise InputError("nothing to check", remedy="name videos, folders, lists, labels or spots")
    from comedian.data.check import Check, Wanted
    from comedian.formats.classes import read_classes

    names = None if classes is None else read_classes(classes)
    paths = [file for file in files if file != "-"]
    hurts = notes = 0
    with progress(quiet) as report, open_spots("-", NAME) if "-" in files else nullcontext(()) as spots:
        check = Check(Wanted(labels, names, test, root, prefer, features_fps, fps, decode), report)
        for finding in check.findings(paths, spots):
            print(finding, flush=True)
            hurts, notes = hurts + finding.hurts, notes + (not finding.hurts)
    if not quiet:
        warn(NAME, f"looked at {_counted(check.looked)}: {_found(hurts, notes)}")
    if hurts:
        raise typer.Exit(1)


def _counted(looked: Counter) -> str:
    each = [f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in looked.items() if number]
    return ", ".join(each) or "nothing"


def _found(hurts: int, notes: int) -> str:
    findings = f"{hurts or 'no'} finding{'' if hurts == 1 else 's'}"
    return f"{findings}, {notes} note{'' if notes == 1 else 's'}" if notes else findings


main = command(check_data, example="check-data matches --labels labels --test test.txt")
