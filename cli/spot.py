"""spot: find actions in videos."""

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._io import check_output, open_output, refuse_dash, warn
from ._options import Device, Quiet, Root
from ._progress import progress
from ._torchrun import is_first

SOURCES = typer.Argument(
    metavar="SOURCES", help="Videos, game folders, .txt lists, frames files, or saved scores."
)
MODEL = typer.Option("--model", "-m", help="Spotter, or hf:NAME [default: the docs]; several are averaged.")
IGNORED = typer.Option(min=0, help="Ignored at both ends of a window [default: the model's].")
MERGE = typer.Option(help="max or average where windows overlap [default: the model's].")


def spot(
    context: typer.Context,
    sources: Annotated[list[str] | None, SOURCES] = None,
    model: Annotated[list[str] | None, MODEL] = None,
    root: Root = None,
    scores: Annotated[Path | None, typer.Option(help="Also keep raw scores here (HDF5).")] = None,
    threshold: Annotated[float, typer.Option(min=0, help="Least confidence of a spot.")] = 0.001,
    ignored_seconds: Annotated[float | None, IGNORED] = None,
    merge: Annotated[str | None, MERGE] = None,
    device: Device = "auto",
    output: Annotated[str, typer.Option("--output", "-o", help="Where spots go.")] = "-",
    quiet: Quiet = False,
) -> None:
    """Score every second of a match for every action; one spot a line, in time order.

    Spots come out as soon as no later window can change them, and before any suppression: pipe
    them through nms.
    """
    for path in (scores, *(sources or ()), *(model or ())):
        refuse_dash(path, "videos, weights and scores")
    if not sources:
        raise InputError("nothing to spot", remedy="name a video, a game folder, a list or a frames file")
    if not is_first():
        output, scores, quiet = "-", None, True  # what it finds, the first one writes
    if scores:
        check_output(scores)
    from comedian.distributed import pick_device, processes
    from comedian.formats.provenance import provenance
    from comedian.formats.scores import write_scores
    from comedian.spotting.sliding import to_spots
    from comedian.spotting.sources import average_saved, find_sources, join_halves, score_sources

    halves, saved = find_sources(sources, root)
    say = (lambda message: None) if quiet else (lambda message: warn("spot", message))
    with processes(pick_device(device)) as own_device, progress(quiet) as report:
        if saved:
            _remark_ignored(context, say)
            runs, classes, parents = average_saved(saved), saved[0].classes, sources
        else:
            parents, spotters, recipe = _load(model, ignored_seconds, merge, say)
            classes = spotters[0].classes
            runs = score_sources(halves, spotters, recipe, own_device, report, say)
        kept = []
        with closing(runs), open_output(output) as stream:
            for run in runs:
                _write(stream, to_spots(run, classes, threshold))
                if scores:
                    kept.append(run)
    if scores:
        write_scores(scores, join_halves(kept), classes, provenance(parents=parents))


def _load(names: list[str] | None, ignored_seconds: float | None, merge: str | None, say):
    """The models' files, the spotters, and how windows slide: as the first was trained, or by flags."""
    from dataclasses import replace

    from comedian.spotting.sources import load_ensemble
    from comedian.weights.hub import fetch, fetch_published

    names = names or [name for name in [os.environ.get("COMEDIAN_MODEL")] if name]
    files = [fetch(name) for name in names] or [fetch_published(say)]
    spotters = load_ensemble(files)
    flags = {"ignored_seconds": ignored_seconds, "merge": merge}
    chosen = {key: value for key, value in flags.items() if value is not None}
    return files, spotters, replace(spotters[0].spot, **chosen)


def _write(stream, spots: Iterable[dict]) -> None:
    from comedian.formats.spots import write_spot

    for spot in spots:
        write_spot(stream, spot)
    stream.flush()


def _remark_ignored(context: typer.Context, say) -> None:
    for name in ("model", "ignored_seconds", "merge", "device"):
        if context.get_parameter_source(name).name == "COMMANDLINE":
            say(f"--{name.replace('_', '-')} has no effect on saved scores")


main = command(spot, example="spot match.mkv | nms --soft | evaluate")
