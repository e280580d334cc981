"""spot: find actions in videos."""

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError
from comedian.recipes.suppress import THRESHOLD

from ._app import command
from ._io import open_output, write_spots
from ._options import Device, Merge, Periods, Prefer, Quiet, Root, by_name, warn_ignored
from ._outputs import check_output, refuse_inputs
from ._progress import progress
from ._say import Skip, say_left_out, warn
from ._torchrun import is_first

SOURCES = typer.Argument(
    metavar="SOURCES", callback=by_name("videos, frames and scores"),
    help="Videos, game folders, .txt lists, frames files, or saved scores.  [required]",
)  # fmt: skip
MODEL = typer.Option(
    "--model", "-m", metavar="SPOTTER", callback=by_name("weights"),
    help="Weights file or hf:NAME; several are averaged [default: $COMEDIAN_MODEL, else the authors'].",
)  # fmt: skip
SCORES = typer.Option(metavar="FILE", callback=by_name("scores"), help="Also keep raw scores here (HDF5).")
LEAST = typer.Option(min=0, metavar="FRACTION", help="Least confidence of a spot.")
IGNORED = typer.Option(min=0, metavar="SECONDS", help="Ignored at a window's ends [default: the model's].")
MERGE = typer.Option(help="Where windows overlap [default: the model's].")
OUTPUT = typer.Option("--output", "-o", metavar="FILE", help="Where spots go.")
OF_MODELS = {"model", "ignored_seconds", "merge", "device"}


def spot(
    context: typer.Context,
    sources: Annotated[list[str] | None, SOURCES] = None,
    model: Annotated[list[str] | None, MODEL] = None,
    root: Root = None,
    prefer: Prefer = None,
    periods: Periods = None,
    scores: Annotated[Path | None, SCORES] = None,
    threshold: Annotated[float, LEAST] = THRESHOLD,
    ignored_seconds: Annotated[float | None, IGNORED] = None,
    merge: Annotated[Merge | None, MERGE] = None,
    device: Device = "auto",
    output: Annotated[str, OUTPUT] = "-",
    quiet: Quiet = False,
) -> None:
    """Score every second of a match for every action; one spot a line, in time order.

    Spots come out as soon as no later window can change them, and before any suppression: pipe
    them through nms.
    """
    if not sources:
        raise InputError("nothing to spot", remedy="name a video, a game folder, a list or a frames file")
    if not is_first():
        output, scores, quiet = "-", None, True  # what it finds, the first one writes
    if scores:
        check_output(scores)
    from comedian.distributed import pick_device, processes
    from comedian.formats.periods import parse_periods
    from comedian.formats.provenance import provenance
    from comedian.formats.scores import write_scores
    from comedian.spotting.sliding import to_spots
    from comedian.spotting.sources import average_saved, find_sources, join_halves, score_sources

    say = (lambda message: None) if quiet else (lambda message: warn("spot", message))
    skip = Skip("spot")
    halves, saved = find_sources(sources, root, prefer, skip, parse_periods(periods or (), "--half"))
    if not halves and not saved:
        raise typer.Exit(1)
    refuse_inputs([output, *([scores] if scores else ())], files := [half.path for half in halves])
    say_left_out(sources, [*files, *skip.files], say)
    with processes(pick_device(device)) as own_device, progress(quiet) as report:
        if saved:
            warn_ignored(context, OF_MODELS, "on saved scores", say)
            runs, classes, parents = average_saved(saved), saved[0].classes, sources
        else:
            parents, spotters, recipe = _load(model, ignored_seconds, merge, say)
            classes = spotters[0].classes
            runs = score_sources(
                halves, spotters, recipe, own_device, report, say, skip if len(files) > 1 else None
            )
        kept = []
        with closing(runs), open_output(output) as stream:
            for run in runs:
                write_spots(stream, to_spots(run, classes, threshold))
                if scores:
                    kept.append(run)
    if scores:
        write_scores(scores, join_halves(kept), classes, provenance(parents=parents))
    if skip.files:
        raise typer.Exit(1)


def _load(names: list[str] | None, ignored_seconds: float | None, merge: Merge | None, say):
    """The models' files, the spotters, and how windows slide: as the first was trained, or by flags."""
    from dataclasses import replace

    from comedian.spotting.sources import load_ensemble
    from comedian.weights.hub import fetch, fetch_published

    names = names or [name for name in [os.environ.get("COMEDIAN_MODEL")] if name]
    files = [fetch(name) for name in names] or [fetch_published(say)]
    spotters = load_ensemble(files)
    recipe = spotters[0].spot
    if ignored_seconds is not None:
        recipe = replace(recipe, ignored_seconds=ignored_seconds)
    if merge is not None:
        recipe = replace(recipe, merge=merge.value)
    return files, spotters, recipe


main = command(spot, example="spot match.mkv | nms --soft | evaluate")
