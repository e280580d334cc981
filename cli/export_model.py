"""export-model: a spotter as ONNX."""

from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._device import say_device
from ._options import LabelsPath, Prefer, Quiet, Root, by_name, warn_ignored
from ._outputs import check_output, refuse_inputs
from ._progress import progress
from ._say import speaker

NAME = "export-model"
SPOTTER = typer.Argument(
    metavar="SPOTTER", callback=by_name("weights"), help="Weights of finetune or the authors, or hf:NAME."
)
INT8 = typer.Option("--int8", help="Linear layers in eight-bit integers: faster, not quite the same.")
CALIBRATE = typer.Option(
    metavar="SOURCE",
    callback=by_name("videos and frames"),
    help="Fix their inputs' ranges from these videos or frames; repeatable [default: from each batch].",
)
VALID = typer.Option(
    metavar="SOURCE",
    callback=by_name("videos and frames"),
    help="Say what it costs on these videos, games, lists or frames; repeatable.",
)
OUTPUT = typer.Option(
    "--output", "-o", metavar="FILE.onnx", callback=by_name("a model"), help="Where it goes.  [required]"
)


def export_model(
    context: typer.Context,
    spotter: Annotated[str, SPOTTER],
    int8: Annotated[bool, INT8] = False,
    calibrate: Annotated[list[str] | None, CALIBRATE] = None,
    valid: Annotated[list[str] | None, VALID] = None,
    labels: LabelsPath = None,
    root: Root = None,
    prefer: Prefer = None,
    output: Annotated[Path | None, OUTPUT] = None,
    quiet: Quiet = False,
) -> None:
    """Write a spotter as ONNX, which spot -m runs through ONNX Runtime, and other programs, too.

    What it says is compared with what the spotter says before it is written.
    """
    if output is None:
        raise InputError("no output was given", remedy="name a file with -o: model.onnx")
    from comedian.formats.exported import check_name, write_exported
    from comedian.models.exported import ExportedSpotter
    from comedian.spotting.fidelity import CPU, compare_export, draw_tubelets, find_halves
    from comedian.weights.export import export, open_weights
    from comedian.weights.hub import fetch
    from comedian.weights.quantise import quantised

    check_name(output)
    check_output(output)
    say = speaker(NAME, quiet)
    if not int8:
        warn_ignored(context, {"calibrate"}, "without --int8", say)
    if not valid:
        warn_ignored(context, {"labels"}, "without --valid", say)
    ours, header = open_weights(fetch(spotter))
    known, halves = (find_halves(names, root, prefer) for names in (calibrate if int8 else None, valid))
    refuse_inputs([output], [half.path for half in (*known, *halves)])
    say_device(NAME, CPU.type, CPU, quiet, why="as ONNX Runtime has it")
    made = export(ours, header, output)
    say(f"float32: {made.export}")
    if int8:
        made = quantised(made, draw_tubelets(known, ours, say) if known else None)
        say(f"int8: {made.export}")
    write_exported(output, made)
    if halves:
        with progress(quiet) as report:
            found = compare_export(ours, ExportedSpotter(made), halves, labels, report, say)
        say(str(found))
    say(f"{output} holds {output.stat().st_size / 1e6:.1f} MB; next: spot match.mkv -m {output}")


main = command(
    export_model, example="export-model spotter.safetensors --int8 --valid games/valid.txt -o spotter.onnx"
)
