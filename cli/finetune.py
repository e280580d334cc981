"""finetune: step 3, from labelled actions to a spotter."""

from typing import Annotated

import typer

from comedian.formats.classes import read_classes

from ._app import command
from ._flags import Flags, with_flags
from ._memory import fitted
from ._options import LabelsPath, by_name
from ._outputs import refuse_inputs
from ._plan import open_halves, print_plan
from ._say import warn
from ._suppression import words
from ._torchrun import is_first
from ._training import train

VALID = typer.Option(
    metavar="FRAMES",
    callback=by_name("frames"),
    help="Frames to validate every epoch on, the best one is kept; repeatable.",
)
CLASSES = typer.Option(
    metavar="NAME,…|FILE",
    help="File of class names, or names with commas [default: the recipe's, or the labels' own].",
)
HOLD_OUT = typer.Option(
    min=0, max=1, metavar="FRACTION", help="Validate on such a part of the games; of one game, a half."
)
FROZEN = typer.Option(
    "--frozen",
    help="Train on what the spatial transformer makes of frames, computed once: minutes on a CPU.",
)


@with_flags
def finetune(
    flags: Flags,
    labels: LabelsPath = None,
    valid: Annotated[list[str] | None, VALID] = None,
    hold_out: Annotated[float | None, HOLD_OUT] = None,
    classes: Annotated[str | None, CLASSES] = None,
    frozen: Annotated[bool, FROZEN] = False,
) -> None:
    """Train a spotter on labelled actions: the head alone, then everything (step 3).

    Writes weights of kind "spotter", and one JSON line per epoch to standard output. With --valid or
    --hold-out the epoch with the best official tight average-mAP is kept, otherwise the last one.
    """
    if valid and hold_out is not None:
        raise typer.BadParameter("give one of --valid and --hold-out", param_hint="--hold-out")
    named = None if classes is None else read_classes(classes)

    def say(message: str) -> None:
        if not flags.quiet and is_first():
            warn("finetune", message)

    def run_stage(halves, recipe, run, start, preset):
        from comedian.formats.checkpoint import read_header
        from comedian.training.finetune import finetune
        from comedian.training.outlook import remarks
        from comedian.training.own_data import prepare

        held_out = open_halves(valid, flags) if valid else None
        if hold_out is not None:
            halves, held_out = halves.split(hold_out, run.seed)
        data = prepare(halves, held_out, labels, recipe, named, say)
        refuse_inputs(run.written, data.files)
        recipe, run = fitted("finetune", flags, halves, data.recipe, run)
        if flags.plan:
            from comedian.training.plans import finetuning_plan

            print_plan(finetuning_plan(halves, data.actions, recipe, run, start, data.validation))
            return
        if (
            run.device.type == "cpu"
            and is_first()
            and not (flags.recipe or flags.quiet or run.resume or recipe.freeze)
        ):
            kind = start.header.kind if start.header else ""
            for message in remarks(preset, recipe, halves, held_out, kind, run.recompute):
                say(message)
        best = finetune(halves, data.actions, recipe, run, start, preset, data.validation)
        kept = f"best tight a-mAP {best.score:.4f}, of epoch {best.epoch}" if best else "the last epoch"
        if is_first():
            way = read_header(run.output).spot
            nms = words(way.suppression, way.window_seconds)
            output = run.output
            say(f"{kept}, in {output}; next: spot --model {output} match.mkv | nms {nms} --table --top 20")

    overrides = {
        "freeze": frozen or None,
        "frozen.batch_size": flags.batch_size,
        "frozen.epochs": flags.epochs,
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
