"""finetune: step 3, from labelled actions to a spotter."""

from pathlib import Path
from typing import Annotated

import typer

from comedian.formats.games import FRAMES_SUFFIXES, find_games

from ._app import command
from ._flags import Flags, with_flags
from ._options import by_name
from ._outputs import refuse_inputs
from ._say import warn
from ._torchrun import is_first
from ._training import train

LABELS = typer.Option(
    metavar="FOLDER|FILE",
    callback=by_name("labels"),
    help="Folder of GAME/Labels-v2.json, or one labels file [default: beside each video].",
)
VALID = typer.Option(
    metavar="FRAMES",
    callback=by_name("frames"),
    help="Frames to validate every epoch on, the best one is kept; repeatable.",
)


@with_flags
def finetune(
    flags: Flags,
    labels: Annotated[Path | None, LABELS] = None,
    valid: Annotated[list[str] | None, VALID] = None,
) -> None:
    """Train a spotter on labelled actions: the head alone, then everything (step 3).

    Writes weights of kind "spotter", and one JSON line per epoch to standard output. With --valid
    the epoch with the best official tight average-mAP is kept, otherwise the last one.
    """

    def say(message: str) -> None:
        if not flags.quiet and is_first():
            warn("finetune", message)

    def run_stage(halves, recipe, run, start, preset):
        from comedian.data.halves import Halves
        from comedian.data.remarks import remark_shared
        from comedian.training.actions import labels_of, read_actions
        from comedian.training.finetune import finetune
        from comedian.training.validate import Validation

        def actions_of(halves):
            known = labels_of(halves, labels)
            refuse_inputs([run.output], known.files())
            return read_actions(halves, known, recipe.classes, say)

        def videos_of(halves):
            return [file.video for file in halves.files]

        actions = actions_of(halves)
        validation = None
        if valid:
            held_out = Halves.open(find_games(valid, FRAMES_SUFFIXES, flags.root, flags.prefer))
            for message in remark_shared(videos_of(halves), videos_of(held_out)):
                say(message)
            validation = Validation(held_out, actions_of(held_out))
        else:
            say("no --valid, keeping the last epoch")
        finetune(halves, actions, recipe, run, start, preset, validation)

    overrides = {
        "head.batch_size": flags.batch_size,
        "full.batch_size": flags.batch_size,
        "full.epochs": flags.epochs,
        "scratch_epochs": flags.epochs,
    }
    train("finetune", flags, overrides, run_stage)


main = command(
    finetune,
    example="finetune frames --labels games --init distilled.safetensors -o spotter.safetensors | jq .loss",
)
