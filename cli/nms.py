"""nms: keep the best of neighbouring spots."""

import math
from collections.abc import Iterable, Iterator
from enum import StrEnum
from operator import itemgetter
from typing import Annotated

import typer

from comedian.formats.spot import Outside, Spot
from comedian.recipes.suppress import THRESHOLD, WINDOW_SECONDS
from comedian.spotting.suppress import by_half, suppress_half

from ._app import command
from ._io import SPOTS, games_in, open_output, open_spots, write_spots
from ._say import warn


class Form(StrEnum):
    """What spots are written as."""

    jsonl = "jsonl"
    soccernet = "soccernet"


WIDTHS = ", ".join(f"{seconds:g} {method}" for method, seconds in WINDOW_SECONDS.items())
WINDOW = typer.Option(min=0, metavar="SECONDS", help=f"Full width of a neighbourhood [default: {WIDTHS}].")
WINDOW_FOR = typer.Option(metavar="LABEL=SECONDS", help="Width for one label; repeatable.")
THRESHOLD_OPTION = typer.Option(min=0, metavar="FRACTION", help="Least confidence that is kept.")
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
    to: Annotated[Form, TO] = Form.jsonl,
    output: Annotated[str, OUTPUT] = "-",
) -> None:
    """Suppress spots that are too close to a better one of their label.

    Holds one half at a time and writes it as soon as the next one begins.
    """
    method = _method(soft, hard, peak)
    from comedian.formats.soccernet import write_soccernet

    windows = dict(map(_label_window, window_for or ()))
    if to == Form.soccernet and output == "-":
        raise typer.BadParameter("soccernet needs a folder or a .zip: -o", param_hint="--to")
    unseen = set(windows)
    videos: dict[str, None] = {}  # what came in, in order
    outside = Outside()

    def survivors(found: Iterable[Spot]) -> Iterator[list[Spot]]:
        for half in by_half(found):
            videos[half[0]["video"]] = None
            outside.look(map(itemgetter("confidence"), half))
            if unseen:
                unseen.difference_update(spot["label"] for spot in half)
            yield suppress_half(half, method, window, windows, threshold)
            del half  # before the next one is read

    present = games_in(spots, output)
    with open_spots(spots, "nms") as found:
        if to == Form.soccernet:
            videos.update((f"{game}/1", None) for game in present)
            write_soccernet((spot for half in survivors(found) for spot in half), output, videos)
        else:
            _write(survivors(found), output)
    if outside.number:
        warn("nms", f"{outside}; --threshold and evaluate take them for fractions of 1")
    for label in sorted(unseen):
        warn("nms", f"--window-for {label}: no spot has this label")


def _write(halves: Iterable[list[Spot]], output: str) -> None:
    with open_output(output) as stream:
        for half in halves:
            write_spots(stream, half)


def _method(soft: bool, hard: bool, peak: bool) -> str:
    chosen = [name for name, on in (("soft", soft), ("hard", hard), ("peak", peak)) if on]
    if len(chosen) > 1:
        raise typer.BadParameter(f"choose one of --{' and --'.join(chosen)}")
    return chosen[0] if chosen else "soft"


def _label_window(text: str) -> tuple[str, float]:
    label, _, seconds = text.rpartition("=")
    try:
        if label and 0 <= float(seconds) < math.inf:
            return label, float(seconds)
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is not LABEL=SECONDS", param_hint="--window-for")


main = command(nms, example="spot match.mkv | nms --soft | evaluate")
