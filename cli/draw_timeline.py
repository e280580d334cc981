"""draw-timeline: from spots to one HTML page a match."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from comedian.errors import InputError

from ._app import command
from ._io import SPOTS, open_output, open_spots
from ._options import NoRemarks, by_name
from ._outputs import refuse_inputs
from ._progress import progress
from ._say import speaker

NAME = "draw-timeline"
LABELS = typer.Option(
    metavar="FOLDER|FILE", callback=by_name("labels"), help="Labels, to tell hits, misses and false alarms."
)
SCORES = typer.Option(metavar="FILE", callback=by_name("scores"), help="Scores of spot --scores, as lanes.")
VIDEO = typer.Option(
    metavar="FILE", callback=by_name("videos"), help="The video to show [default: as spots name it]."
)
TOLERANCE = typer.Option(min=1, max=60, metavar="SECONDS", help="Full width within which a spot is a hit.")
THUMBNAILS = typer.Option(
    min=0, max=1000, metavar="NUMBER", help="Small pictures of so many moments, labels first; 3 kB each."
)
OUTPUT = typer.Option("--output", "-o", metavar="FILE|FOLDER/", help="Page; a folder takes one a match.")


def draw_timeline(
    output: Annotated[str, OUTPUT],
    spots: Annotated[str, SPOTS] = "-",
    labels: Annotated[Path | None, LABELS] = None,
    scores: Annotated[Path | None, SCORES] = None,
    video: Annotated[Path | None, VIDEO] = None,
    tolerance: Annotated[int, TOLERANCE] = 5,
    thumbnails: Annotated[int, THUMBNAILS] = 0,
    quiet: NoRemarks = False,
) -> None:
    """Draw the timeline of a match as a page to look at, correct and take labels from.

    The page needs no server and no network; its video lies beside it.
    """
    from comedian.pages.matches import matches_of
    from comedian.pages.timeline import page, size_of

    say = speaker(NAME, quiet)
    with open_spots(spots, NAME) as found:
        matches = matches_of(list(found), labels, scores, video, tolerance, say)
    if not matches:
        say("no spot and no score: nothing to draw")
    shown = {spot["video"] for _, match in matches for spot in match.spots}
    for path, match in _targets(output, matches):
        refuse_inputs([path], [video or "", *shown])
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures = _pictures(match, thumbnails, say, quiet)
        text = page(match, path.parent.resolve(), pictures)
        with open_output(str(path)) as stream:
            stream.write(text)
        about = f"{size_of(text, pictures)}; " if thumbnails else ""
        say(f"{path}: {about}open it in a browser")


def _pictures(match: Any, number: int, say: Callable[[str], None], quiet: bool) -> dict[int, bytes]:
    """The thumbnails of a match; nothing of video is loaded for none."""
    if not number:
        return {}
    from comedian.pages.thumbnails import thumbnails

    with progress(quiet) as report:
        return thumbnails(match, number, say, report)


def _targets(output: str, matches: Sequence[tuple[str, Any]]) -> list[tuple[Path, Any]]:
    """Where each match goes."""
    if output.endswith("/") or Path(output).is_dir():
        return [(Path(output) / f"{game.replace('/', '_')}.html", match) for game, match in matches]
    if len(matches) > 1:
        raise InputError(f"there are {len(matches)} matches", output, "name a folder: -o pages/")
    return [(Path(output), match) for _, match in matches]


main = command(draw_timeline, example="spot match.mkv | nms --hard | draw-timeline -o match.html")
