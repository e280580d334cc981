"""export-model: a spotter as ONNX."""

from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._options import Quiet, by_name
from ._outputs import check_output
from ._say import speaker

NAME = "export-model"
SPOTTER = typer.Argument(
    metavar="SPOTTER", callback=by_name("weights"), help="Weights of finetune or the authors, or hf:NAME."
)
OUTPUT = typer.Option(
    "--output",
    "-o",
    metavar="FILE.onnx",
    callback=by_name("a model"),
    help="Where it goes.  [required]",
)


def export_model(
    spotter: Annotated[str, SPOTTER],
    output: Annotated[Path | None, OUTPUT] = None,
    quiet: Quiet = False,
) -> None:
    """Write a spotter as ONNX, which spot -m runs through ONNX Runtime, and other programs, too.

    What it says is compared with what the spotter says before it is written.
    """
    if output is None:
        raise InputError("no output was given", remedy="name a file with -o: model.onnx")
    from comedian.formats.exported import check_name, write_exported
    from comedian.weights.export import export_weights, summary
    from comedian.weights.hub import fetch

    check_name(output)
    check_output(output)
    made = export_weights(fetch(spotter), output)
    write_exported(output, made)
    speaker(NAME, quiet)(summary(made))


main = command(export_model, example="export-model spotter.safetensors -o spotter.onnx")
