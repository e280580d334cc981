"""evaluate: the official score of spots."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ._app import command
from ._io import SPOTS, games_in, open_output, open_spots, write_spots
from ._options import LabelsPath, by_name
from ._outputs import check_output, refuse_inputs
from ._say import speaker
from ._scoring import GAMES, Fps, known_metrics

METRICS = typer.Option(metavar="METRIC,…", help="Some of tight,loose,at1,at2,at3,at4,at5, with commas.")
CLASSES = typer.Option(
    metavar="NAME,…|FILE",
    help="File of class names, or names with commas [default: SoccerNet's 17, else the labels' own].",
)
CHANCE = typer.Option(min=1, metavar="DRAWS", help="Add the mean score of DRAWS random spotters.")
INTERVALS = typer.Option(
    min=100, metavar="DRAWS", help="Add 95 % intervals from DRAWS draws of games: 1000."
)
PER_GAME = typer.Option("--per-game", help="Add the score of each game.")
COMPARE = typer.Option(
    metavar="SPOTS",
    callback=by_name("the other spots"),
    help="Add the difference to other spots of the same games.",
)
ERRORS = typer.Option(metavar="FILE", help="Write each hit, miss, false alarm … as a spot here.")
PLOT = typer.Option(metavar="FILE.svg", help="Draw precision over recall, and precision over tolerances.")
OUTPUT = typer.Option("--output", "-o", metavar="FILE", help="Where scores go.")


def evaluate(
    spots: Annotated[str, SPOTS] = "-",
    labels: LabelsPath = None,
    games: Annotated[Path | None, GAMES] = None,
    metrics: Annotated[str, METRICS] = "tight",
    classes: Annotated[str | None, CLASSES] = None,
    fps: Fps = 2,
    chance: Annotated[int | None, CHANCE] = None,
    intervals: Annotated[int | None, INTERVALS] = None,
    per_game: Annotated[bool, PER_GAME] = False,
    compare: Annotated[str | None, COMPARE] = None,
    errors: Annotated[str | None, ERRORS] = None,
    plot: Annotated[str | None, PLOT] = None,
    table: Annotated[bool, typer.Option("--table", help="A table instead of JSON.")] = False,
    output: Annotated[str, OUTPUT] = "-",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No warnings on stderr.")] = False,
) -> None:
    """Score spots exactly as SoccerNet does; what to beware of goes to stderr."""
    from comedian.evaluation.classes import classes_of
    from comedian.evaluation.errors import list_errors
    from comedian.evaluation.metrics import METRICS as KNOWN
    from comedian.evaluation.pairing import pair, pair_others
    from comedian.evaluation.plot import check_picture
    from comedian.evaluation.plot import plot as pictured
    from comedian.evaluation.study import Asked, study
    from comedian.evaluation.table import score_table
    from comedian.formats.classes import read_classes
    from comedian.formats.lookup import Labels, official_below

    if plot:
        check_picture(plot)
    outputs = [output, *filter(None, [errors, plot])]
    for name in outputs:
        if name != "-":
            check_output(name)
    wanted = known_metrics(metrics, list(KNOWN))
    given = None if classes is None else read_classes(classes)
    if labels and labels.is_dir():
        refuse_inputs(outputs, official_below(labels))  # before spots that may take hours to come
    others = None if compare is None else _collected(compare, outputs)
    videos = _collected(spots, outputs, whole=errors is not None)
    known = Labels(videos, labels, games)
    refuse_inputs(outputs, known.files(None if games else videos))
    results, remarks = pair(videos, known, games is not None)
    names, said = classes_of(results, given)
    other = None
    if others is not None:
        other, more = pair_others(others, known, results, str(compare))
        said += more
    scores = study(results, names, wanted, fps, Asked(chance, intervals, per_game, other, compare or ""))
    scores["warnings"] = remarks + said + scores["warnings"]
    say = speaker("evaluate", quiet)
    for message in scores["warnings"]:
        say(message)
    if errors:
        with open_output(errors) as stream:
            write_spots(stream, list_errors(results, names, KNOWN[wanted[0]][-1], fps))
    if plot:
        with open_output(plot) as stream:
            stream.write(pictured(results, names, wanted, fps, other))
    with open_output(output) as stream:
        stream.write(score_table(scores) if table else json.dumps(scores, indent=1) + "\n")


def _collected(name: str, outputs: list[str], whole: bool = False):
    """Spots by video, of all games that results have, if none of the outputs is one of their files."""
    from comedian.evaluation.pairing import collect

    present = games_in(name, *outputs)
    with open_spots(name, "evaluate") as found:
        return collect(found, present, whole)


main = command(evaluate, example="spot match.mkv | nms --soft | evaluate --table")
