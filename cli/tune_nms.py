"""tune-nms: suppression settings from saved scores and labels."""

from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._io import open_output
from ._options import LabelsPath, Quiet, by_name
from ._outputs import check_output, refuse_inputs
from ._progress import progress
from ._say import speaker
from ._scoring import Fps

SAVED = typer.Argument(
    metavar="SCORES",
    callback=by_name("scores"),
    help="Files of spot --scores; a half in several is averaged.  [required]",
)
OUTPUT = typer.Option("--output", "-o", metavar="FILE", help="Where settings go (TOML).")


def tune_nms(
    saved: Annotated[list[str] | None, SAVED] = None,
    labels: LabelsPath = None,
    fps: Fps = 2,
    output: Annotated[str, OUTPUT] = "-",
    quiet: Quiet = False,
) -> None:
    """Find the suppression of each class that is best for tight a-mAP: kind, window and threshold.

    What it gains is measured out of fold: on games that were left out of the choice. Where it gains
    nothing there, the usual settings are written.
    """
    if not saved:
        raise InputError("no scores", remedy="name files of spot --scores")
    if output != "-":
        check_output(output)  # before minutes of work
    from comedian.formats.lookup import Labels
    from comedian.formats.scores import ScoresFile
    from comedian.formats.suppression import settings_text
    from comedian.spotting.sources import average_saved
    from comedian.spotting.tune import notes, summary, tune
    from comedian.version import VERSION

    files = [ScoresFile(name) for name in saved]
    halves = list(average_saved(files))
    known = Labels([half.video for half in halves], labels)
    refuse_inputs([output], known.files())
    with progress(quiet) as report:
        tuned = tune(halves, files[0].classes, known, fps, report)
    told, say = [*tuned.remarks, summary(tuned)], speaker("tune-nms", quiet)
    for message in told:
        say(message)
    about = [f"tune-nms {VERSION}", *told]
    with open_output(output) as stream:
        stream.write(settings_text(tuned.settings, about, notes(tuned)))


main = command(tune_nms, example="tune-nms scores.h5 --labels SoccerNet -o settings.toml")
