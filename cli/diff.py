"""comedian diff: how two files of one kind differ."""

import json
from typing import Annotated

import typer

from ._app import command
from ._options import by_name

ONE = typer.Argument(
    metavar="FILE", callback=by_name("files to compare"), help="A file of any kind of ours."
)
OTHER = typer.Argument(
    metavar="OTHER", callback=by_name("files to compare"), help="Another of the same kind."
)


def diff(
    one: Annotated[str, ONE],
    other: Annotated[str, OTHER],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
) -> None:
    """Say how two files differ, a line each; nothing where they mean the same.

    Exit status 0 without a difference, 1 with one. Of weights and arrays it gives the largest difference,
    of spots and labels what only one has and how confidences changed.
    """
    from comedian.about.diff import differences

    differ = False
    for difference in differences(one, other):
        differ = True
        print(json.dumps(difference.plain(), ensure_ascii=False) if as_json else difference, flush=True)
    if differ:
        raise typer.Exit(1)


main = command(diff, example="comedian diff old.safetensors new.safetensors", name="comedian diff")
