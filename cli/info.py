"""comedian info: what a file is, who made it and from what."""

import json
from typing import Annotated

import typer

from ._app import command
from ._options import by_name

FILE = typer.Argument(
    metavar="FILE",
    callback=by_name("files to look at"),
    help="Frames, bank, scores, tokens, weights, state, spots, results, labels, features, video, list or "
    "recipe.",
)


def info(
    file: Annotated[str, FILE],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Say what a file is, who made it and from what; its sizes, classes and counts.

    Headers are read and nothing large; spots and labels are counted. --json has also the recipe.
    """
    from comedian.about.info import info, lines

    found = info(file)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        print(*lines(found), sep="\n")


main = command(info, example="comedian info spotter.safetensors", name="comedian info")
