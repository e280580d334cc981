"""evaluate: the official score of spots."""

import json
from pathlib import Path
from typing import Annotated

import typer

from comedian.formats.classes import read_classes
from comedian.recipes.model import SOCCERNET_CLASSES

from ._app import command
from ._io import SPOTS, games_in, open_output, open_spots
from ._options import by_name
from ._outputs import refuse_inputs
from ._say import warn

LABELS = typer.Option(
    metavar="FOLDER|FILE",
    callback=by_name("labels"),
    help="Folder of GAME/Labels-v2.json, or one labels file [default: beside each video].",
)
GAMES = typer.Option(
    metavar="FILE",
    callback=by_name("lists"),
    help="List of games to score; without a spot they count as missed.",
)
METRICS = typer.Option(metavar="METRIC,…", help="Some of tight,loose,at1,at2,at3,at4,at5, with commas.")
CLASSES = typer.Option(
    metavar="NAME,…|FILE", help="File of class names, or names with commas [default: SoccerNet's 17]."
)
FPS = typer.Option(
    "--fps", "--framerate", min=1, max=1000, metavar="RATE", help="Frames a second; ball spotting 25."
)
CHANCE = typer.Option(min=1, metavar="DRAWS", help="Add the mean score of DRAWS random spotters.")
OUTPUT = typer.Option("--output", "-o", metavar="FILE", help="Where scores go.")


def evaluate(
    spots: Annotated[str, SPOTS] = "-",
    labels: Annotated[Path | None, LABELS] = None,
    games: Annotated[Path | None, GAMES] = None,
    metrics: Annotated[str, METRICS] = "tight",
    classes: Annotated[str | None, CLASSES] = None,
    fps: Annotated[int, FPS] = 2,
    chance: Annotated[int | None, CHANCE] = None,
    table: Annotated[bool, typer.Option("--table", help="A table instead of JSON.")] = False,
    output: Annotated[str, OUTPUT] = "-",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No warnings on stderr.")] = False,
) -> None:
    """Score spots exactly as SoccerNet does; what to beware of goes to stderr."""
    names = SOCCERNET_CLASSES if classes is None else read_classes(classes)
    from comedian.evaluation import chance as random_spotter
    from comedian.evaluation import metrics as official
    from comedian.evaluation.pairing import collect, pair
    from comedian.evaluation.table import score_table
    from comedian.formats.lookup import Labels, official_below

    wanted = _known_metrics(metrics, list(official.METRICS))
    if labels and labels.is_dir():
        refuse_inputs([output], official_below(labels))  # before spots that may take hours to come
    present = games_in(spots, output)
    with open_spots(spots, "evaluate") as found:
        videos = collect(found, present)
    known = Labels(videos, labels, games)
    refuse_inputs([output], known.files(None if games else videos))
    results, remarks = pair(videos, known, games is not None)
    scores = official.evaluate(results, names, wanted, fps)
    scores["warnings"] = remarks + scores["warnings"]
    if chance:
        scores["chance"] = random_spotter.chance(results, names, wanted, chance, framerate=fps)
    for message in () if quiet else scores["warnings"]:
        warn("evaluate", message)
    with open_output(output) as stream:
        stream.write(score_table(scores) if table else json.dumps(scores, indent=1) + "\n")


def _known_metrics(text: str, known: list[str]) -> list[str]:
    wanted = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {','.join(known)}", param_hint="--metrics")
    return wanted


main = command(evaluate, example="spot match.mkv | nms --soft | evaluate --table")
