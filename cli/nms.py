"""nms: keep the best of neighbouring spots."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from comedian.recipes.suppress import THRESHOLD, WINDOW_SECONDS
from comedian.spotting.listing import Seen, each
from comedian.spotting.listing import table as table_of
from comedian.spotting.suppress import Suppression, by_half

from ._app import command
from ._io import SPOTS, games_in, open_output, open_spots, write_spots
from ._options import by_name
from ._precision import Judged, Precision, thresholds_of
from ._say import warn
from ._suppression import chosen_method, label_window, settings_of


class Form(StrEnum):
    """What spots are written as."""

    jsonl = "jsonl"
    soccernet = "soccernet"


WIDTHS = ", ".join(f"{seconds:g} {method}" for method, seconds in WINDOW_SECONDS.items())
WINDOW = typer.Option(min=0, metavar="SECONDS", help=f"Full width of a neighbourhood [default: {WIDTHS}].")
WINDOW_FOR = typer.Option(metavar="LABEL=SECONDS", help="Width for one label; repeatable.")
THRESHOLD_OPTION = typer.Option(min=0, metavar="FRACTION", help="Least confidence that is kept.")
MIN_GAP = typer.Option(
    min=0, metavar="SECONDS", help="Then drop what is nearer to a better one of its label."
)
SETTINGS = typer.Option(
    metavar="FILE", callback=by_name("settings"), help="Kind, window and threshold by label, of tune-nms."
)
TOP = typer.Option(min=1, metavar="NUMBER", help="Only the best of all; with --table best first.")
TABLE = typer.Option("--table", help="A list for people: half, clock, label, confidence.")
TO = typer.Option(help="A spot a line, or SoccerNet's results_spotting.json into -o.")
OUTPUT = typer.Option(
    "--output", "-o", metavar="FILE|FOLDER", help="File; with --to soccernet a folder or .zip."
)


def nms(
    spots: Annotated[str, SPOTS] = "-",
    soft: Annotated[bool, typer.Option("--soft", help="Weaken neighbours linearly [the default].")] = False,
    hard: Annotated[bool, typer.Option("--hard", help="Drop neighbours, best spots first.")] = False,
    peak: Annotated[bool, typer.Option("--peak", help="Keep what tops its neighbourhood.")] = False,
    window: Annotated[float | None, WINDOW] = None,
    window_for: Annotated[list[str] | None, WINDOW_FOR] = None,
    threshold: Annotated[float, THRESHOLD_OPTION] = THRESHOLD,
    settings: Annotated[Path | None, SETTINGS] = None,
    min_gap: Annotated[float | None, MIN_GAP] = None,
    precision: Precision = None,
    model: Judged = None,
    top: Annotated[int | None, TOP] = None,
    table: Annotated[bool, TABLE] = False,
    to: Annotated[Form, TO] = Form.jsonl,
    output: Annotated[str, OUTPUT] = "-",
) -> None:
    """Suppress spots that are too close to a better one of their label.

    Holds one half at a time and writes it as soon as the next one begins. Soft suppression weakens
    neighbours and keeps them; for a list that people read, add --min-gap or --hard, and --top.
    """
    method = chosen_method(soft, hard, peak)
    own = None if settings is None else settings_of(settings, soft or hard or peak, window, window_for)
    from comedian.formats.soccernet import write_soccernet

    windows = dict(map(label_window, window_for or ()))
    if to == Form.soccernet and (output == "-" or table):
        needs = "is no table" if table else "needs a folder or a .zip: -o"
        raise typer.BadParameter(f"soccernet {needs}", param_hint="--to")
    least = thresholds_of(precision, model, partial(warn, "nms"))
    keep = Suppression(method, window, windows, threshold, min_gap, own, least)
    seen, present = Seen(windows), games_in(spots, output)
    with open_spots(spots, "nms") as found:
        halves = map(keep, seen.watch(by_half(found)))
        if to == Form.soccernet:
            seen.videos.update((f"{game}/1", None) for game in present)
            write_soccernet(each(halves, top), output, seen.videos)
        else:
            with open_output(output) as stream:
                if table:
                    stream.writelines(f"{line}\n" for line in table_of(each(halves, top, best_first=True)))
                else:
                    for some in [each(halves, top)] if top else halves:
                        write_spots(stream, some)
    if seen.outside.number:
        warn("nms", f"{seen.outside}; --threshold and evaluate take them for fractions of 1")
    for label in sorted(seen.missing):
        warn("nms", f"--window-for {label}: no spot has this label")


main = command(nms, example="spot match.mkv | nms --soft | evaluate")
