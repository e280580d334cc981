"""convert-spots: from any form of spots and labels to any other."""

from enum import StrEnum
from typing import Annotated

import typer

from comedian.formats.convert import (
    INPUTS,
    OUTPUTS,
    Ways,
    ignored,
    of_stream,
    output_form,
    read_moments,
    remarks,
)
from comedian.formats.labels_out import as_spots
from comedian.formats.soccernet import write_soccernet
from comedian.formats.spots import spots_files

from ._app import command
from ._io import open_input, open_output
from ._options import NoRemarks, warn_ignored
from ._outputs import refuse_inputs
from ._say import speaker

NAME = "convert-spots"
From = StrEnum("From", {name.replace("-", "_"): name for name in INPUTS})  # type: ignore[misc]
To = StrEnum("To", {name.replace("-", "_"): name for name in (*OUTPUTS, "soccernet")})  # type: ignore[misc]
SOURCE = typer.Argument(metavar="FILE", help="Spots or labels of any form; a folder or zip of results.")
FROM = typer.Option("--from", help="Its form [default: told by what it holds].")
TO = typer.Option("--to", help="The form to write [default: by the name of -o, else jsonl].")
FPS = typer.Option(min=1, max=1000, metavar="RATE", help="Frames a second, of forms that count frames.")
BEFORE = typer.Option(min=0, max=3600, metavar="SECONDS", help="Of ranges: from their start to the moment.")
AFTER = typer.Option(min=0, max=3600, metavar="SECONDS", help="Of ranges: from the moment to their end.")
VIDEO = typer.Option(metavar="NAME", help="Video of moments that name none.")
OUTPUT = typer.Option("--output", "-o", metavar="FILE|FOLDER", help="File; of soccernet a folder or .zip.")


def convert_spots(
    context: typer.Context,
    source: Annotated[str, SOURCE] = "-",
    from_: Annotated[From | None, FROM] = None,
    to: Annotated[To | None, TO] = None,
    fps: Annotated[float, FPS] = 25.0,
    before: Annotated[float, BEFORE] = 0.0,
    after: Annotated[float, AFTER] = 0.0,
    video: Annotated[str | None, VIDEO] = None,
    output: Annotated[str, OUTPUT] = "-",
    quiet: NoRemarks = False,
) -> None:
    """Write spots or labels in another form, also as markers for programs that people cut video with.

    What the other form has no place for is said.
    """
    say = speaker(NAME, quiet)
    form, ways = str(to or output_form(output) or "jsonl"), Ways(fps, before, after)
    if form == "soccernet" and output == "-":
        raise typer.BadParameter("soccernet needs a folder or a .zip: -o", param_hint="--to")
    refuse_inputs([output], [source, *spots_files(source)])
    given = None if from_ is None else str(from_)
    if source == "-":
        with open_input(source, NAME, "spots or labels") as stream:
            moments = of_stream(stream, "standard input", given, ways)
    else:
        moments = read_moments(source, given, ways)
    warn_ignored(context, ignored(moments, form), f"on {form}", say)
    for moment in moments:
        moment["video"] = moment["video"] or video or ""
    for remark in remarks(moments, form, ways):
        say(remark)
    if form == "soccernet":
        write_soccernet(as_spots(moments), output)
        return
    text = OUTPUTS[form].write(moments, ways)
    with open_output(output) as stream:
        stream.write(text)


main = command(convert_spots, example="nms spots.jsonl | convert-spots --to sportscode -o match.xml")
