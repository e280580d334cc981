"""spot: find actions in videos."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._io import open_output, refuse_dash, warn
from ._options import Device, Quiet, Root, pick_device
from ._progress import progress

SOURCES = typer.Argument(
    metavar="SOURCES", help="Videos, game folders, .txt lists, frames files, or saved scores."
)
MODEL = typer.Option("--model", "-m", help="Spotter [default: $COMEDIAN_MODEL]; several are averaged.")


def spot(
    sources: Annotated[list[str] | None, SOURCES] = None,
    model: Annotated[list[str] | None, MODEL] = None,
    root: Root = None,
    scores: Annotated[Path | None, typer.Option(help="Also keep raw scores of every token here.")] = None,
    threshold: Annotated[float, typer.Option(help="Least confidence of a spot.")] = 0.001,
    ignored_seconds: Annotated[
        float | None, typer.Option(help="Ignored at both ends of a window [default: the model's].")
    ] = None,
    merge: Annotated[
        str | None, typer.Option(help="max or average where windows overlap [default: the model's].")
    ] = None,
    device: Device = "auto",
    output: Annotated[str, typer.Option("--output", "-o", help="Where spots go.")] = "-",
    quiet: Quiet = False,
) -> None:
    """Score every second of a match for every action; one spot a line, in time order.

    Spots come out as soon as no later window can change them, and before any suppression: pipe
    them through nms.
    """
    for path in (scores, *(sources or ["-"]), *(model or ())):
        refuse_dash(path, "videos, weights and scores")
    from comedian.formats.scores import HalfScores, write_scores
    from comedian.spotting.infer import Scores, join, to_spots
    from comedian.spotting.sources import average_saved, find_sources, score_source

    halves, saved = find_sources(sources, root)
    spotters, recipe = _load(model, ignored_seconds, merge) if halves else ([], None)
    classes = spotters[0].classes if spotters else saved[0].classes
    kept: list[HalfScores] = []
    with progress(quiet) as report, open_output(output) as stream:

        def write(part: Scores, video: str, half: int) -> None:
            for line in map(_dumps, to_spots(part, classes, video, half, threshold)):
                stream.write(line)
            stream.flush()

        for half in average_saved(saved):
            write(Scores(half.seconds, half.probabilities), half.video, half.half)
            kept.append(half)
        for source in halves:
            parts = []
            duration = source.duration_seconds()
            for part in score_source(source, spotters, recipe, pick_device(device), _damage(source, quiet)):
                write(part, source.video, source.half)
                report(source.path.name, part.seconds[-1], duration)
                if scores:
                    parts.append(part)
            if scores:
                whole = join(parts)
                kept.append(HalfScores(source.video, source.half, whole.seconds, whole.probabilities))
    if scores:
        from comedian.formats.provenance import provenance

        write_scores(scores, kept, classes, provenance(parents=[*(model or ())]))


def _load(names: list[str] | None, ignored_seconds: float | None, merge: str | None):
    """The spotters, and how their windows slide: as the first was trained, unless flags say otherwise."""
    from dataclasses import replace

    from comedian.models.load import load_spotter

    names = names or [name for name in [os.environ.get("COMEDIAN_MODEL")] if name]
    if not names:
        raise InputError("no model", remedy="name one with --model or COMEDIAN_MODEL; finetune makes them")
    spotters = [load_spotter(name) for name in names]
    flags = {"ignored_seconds": ignored_seconds, "merge": merge}
    return spotters, replace(
        spotters[0].spot, **{key: value for key, value in flags.items() if value is not None}
    )


def _damage(source, quiet: bool):
    return lambda message: None if quiet else warn("spot", f"{source.path}: {message}")


def _dumps(record: dict) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


main = command(spot, example="spot match.mkv | nms --soft | evaluate")
