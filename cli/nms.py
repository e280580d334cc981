"""nms: keep the best of neighbouring spots."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from comedian.spotting.suppress import THRESHOLD, by_half, suppress_half

from ._app import command
from ._io import open_output, open_spots, warn

SPOTS = typer.Argument(metavar="SPOTS", help="JSON Lines, or a folder or zip of results_spotting.json.")


def nms(
    spots: Annotated[str, SPOTS] = "-",
    soft: Annotated[bool, typer.Option("--soft", help="Weaken neighbours linearly [the default].")] = False,
    hard: Annotated[bool, typer.Option("--hard", help="Drop neighbours, best spots first.")] = False,
    peak: Annotated[bool, typer.Option("--peak", help="Keep what tops its neighbourhood.")] = False,
    window: Annotated[
        float | None, typer.Option(min=0, help="Full width in seconds [default: 10 soft, 5 hard and peak].")
    ] = None,
    window_for: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=SECONDS", help="Width for one label; repeatable.")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, help="Least confidence that is kept.")] = THRESHOLD,
    to: Annotated[str, typer.Option(help="jsonl, or soccernet: results_spotting.json in -o.")] = "jsonl",
    output: Annotated[
        str, typer.Option("--output", "-o", help="File; with --to soccernet a folder or .zip.")
    ] = "-",
) -> None:
    """Suppress spots that are too close to a better one of their label.

    Holds one half at a time and writes it as soon as the next one begins.
    """
    method = _method(soft, hard, peak)
    windows = dict(map(_label_window, window_for or ()))
    if to not in ("jsonl", "soccernet"):
        raise typer.BadParameter(f"{to!r} is neither jsonl nor soccernet", param_hint="--to")
    if to == "soccernet" and output == "-":
        raise typer.BadParameter("soccernet needs a folder or a .zip: -o", param_hint="--to")
    unseen = set(windows)

    def survivors(found: Iterable[dict]) -> Iterator[list[dict]]:
        for half in by_half(found):
            if unseen:
                unseen.difference_update(spot["label"] for spot in half)
            yield suppress_half(half, method, window, windows, threshold)
            del half  # before the next one is read

    with open_spots(spots, "nms") as found:
        _write(survivors(found), to, output)
    for label in sorted(unseen):
        warn("nms", f"--window-for {label}: no spot has this label")


def _write(halves: Iterable[list[dict]], to: str, output: str) -> None:
    from comedian.formats.soccernet import write_soccernet
    from comedian.formats.spots import write_spot

    if to == "soccernet":
        write_soccernet((spot for half in halves for spot in half), output)
        return
    with open_output(output) as stream:
        for half in halves:
            for spot in half:
                write_spot(stream, spot)
            stream.flush()


def _method(soft: bool, hard: bool, peak: bool) -> str:
    chosen = [name for name, on in (("soft", soft), ("hard", hard), ("peak", peak)) if on]
    if len(chosen) > 1:
        raise typer.BadParameter(f"choose one of --{' and --'.join(chosen)}")
    return chosen[0] if chosen else "soft"


def _label_window(text: str) -> tuple[str, float]:
    label, _, seconds = text.rpartition("=")
    try:
        if label and float(seconds) >= 0:
            return label, float(seconds)
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is not LABEL=SECONDS", param_hint="--window-for")


main = command(nms, example="spot match.mkv | nms --soft | evaluate")
