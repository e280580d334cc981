"""spot: find actions in videos."""

import math
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError
from comedian.recipes.suppress import THRESHOLD

from ._app import command
from ._device import joined, say_device
from ._models import load_models, usual_model
from ._options import Device, Merge, Periods, PlanOnly, Prefer, Quiet, Root, by_name, warn_ignored
from ._outputs import check_output, refuse_inputs
from ._plan import print_spotting
from ._progress import loading, progress
from ._say import Skip, say_left_out, speaker
from ._spotting import importing_beside, is_folder, open_target, still_to_do
from ._suppression import words
from ._tally import Tally, keeping
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
STRIDE = typer.Option(
    min=1, metavar="TOKENS", help="From one window to the next; fewer are surer [default: the model's]."
)
OUTPUT = typer.Option(
    "--output", "-o", metavar="FILE|FOLDER/", help="Where spots go; into a folder a file for each game."
)
OF_MODELS = {"model", "ignored_seconds", "merge", "stride", "device"}


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
    stride: Annotated[int | None, STRIDE] = None,
    device: Device = "auto",
    output: Annotated[str, OUTPUT] = "-",
    plan: PlanOnly = False,
    quiet: Quiet = False,
) -> None:
    """Score every second of a match for every action; one spot a line, in time order.

    Spots come out as soon as no later window can change them, and before any suppression: pipe
    them through nms. A terminal gets the surest ones as a list.
    """
    if not sources:
        raise InputError("nothing to spot", remedy="name a video, a game folder, a list or a frames file")
    if not is_first():
        scores, quiet = None, True  # what it finds, the first one writes
    if scores:
        check_output(scores)
    with loading("spot", quiet):  # what needs no torch
        from comedian.formats.periods import parse_periods
        from comedian.formats.provenance import provenance
        from comedian.formats.scores import Scores, write_scores
        from comedian.spotting.halves import find_sources
        from comedian.spotting.spots import spots_in_order

    say = speaker("spot", quiet)
    skip = Skip("spot")
    halves, saved = find_sources(sources, root, prefer, skip, parse_periods(periods or (), "--half"))
    if not halves and not saved:
        raise typer.Exit(1)
    refuse_inputs([output, *([scores] if scores else ())], files := [half.path for half in halves])
    say_left_out(sources, [*files, *skip.files], say)
    if saved and plan:
        raise InputError("saved scores are only read, which takes no plan", "--plan", "leave it out")
    if (saved or scores) and is_folder(output):
        raise InputError("spots go into one file beside scores", output, "name a file with -o")
    if done := len(halves) - len(halves := still_to_do(output, halves)):
        say(f"{done} of {len(files)} halves are done already, in {output}")
    beside = importing_beside([] if plan else halves, model or usual_model(), quiet)
    with beside as begun, joined(device) as own_device, progress(quiet) as report:
        from comedian.spotting.sources import average_saved, join_halves, score_sources

        if saved:
            warn_ignored(context, OF_MODELS, "on saved scores", say)
            runs, classes, parents, reach = average_saved(saved), saved[0].classes, sources, math.inf
            suppression = words()
        else:
            parents, spotters, recipe = load_models(
                model, say, ignored_seconds=ignored_seconds, merge=merge, stride=stride
            )
            classes, reach = spotters[0].classes, max(one.offset_reach_seconds for one in spotters)
            suppression = words(recipe.suppression, recipe.window_seconds)
            say_device("spot", device, own_device, quiet)
            if plan:
                print_spotting(halves, spotters, recipe, own_device, threshold, output, scores)
                return
            runs = score_sources(
                halves, spotters, recipe, own_device, report, say, skip if len(files) > 1 else None, begun
            )
        tally = Tally()
        kept: list[Scores] = []
        with closing(runs), open_target(output if is_first() else "-", halves, skip.files, say) as take:
            told = keeping(runs, kept) if scores else runs
            for video, half, seconds, spots in spots_in_order(told, classes, threshold, reach):
                take(video, half, tally.count(video, half, seconds, spots))
    if output != "-" or sys.stderr.isatty():
        say(tally.line(output, suppression))
    if scores:
        write_scores(scores, join_halves(kept), classes, provenance(parents=parents))
    if skip.files:
        raise typer.Exit(1)


main = command(spot, example="spot match.mkv | nms --soft | evaluate")
