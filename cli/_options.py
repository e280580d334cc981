"""Options that several commands share, so that they are named and explained once."""

from collections.abc import Callable, Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from comedian.errors import InputError


class Sampling(StrEnum):
    """Which frame is frame k."""

    screen = "screen"
    ffmpeg = "ffmpeg"


class Dtype(StrEnum):
    """Type of a bank's rows."""

    float16 = "float16"
    float32 = "float32"


class Merge(StrEnum):
    """How the scores of overlapping windows become one."""

    max = "max"
    average = "average"


def by_name(what: str) -> Callable[[Any], Any]:
    """A callback for files that are opened by name: InputError where one is `-`."""

    def check(value: Any) -> Any:
        for path in value if isinstance(value, list | tuple) else [value]:
            if str(path) == "-":
                raise InputError(f"{what} cannot go through a pipe", "-", "name a file")
        return value

    return check


def warn_ignored(
    context: typer.Context, names: Collection[str], why: str, say: Callable[[str], None]
) -> None:
    """Say which of these parameters stand on the command line though they have no effect."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name in names and source and source.name == "COMMANDLINE":
            say(f"--{name.replace('_', '-')} has no effect {why}")


Periods = Annotated[
    list[str] | None,
    typer.Option(
        "--half",
        metavar="N=START-END",
        help="Where a half lies in a video that holds several: 1=0:30-46:10; repeatable.",
    ),
]
LabelsPath = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER|FILE",
        callback=by_name("labels"),
        help="Folder of GAME/Labels-v2.json, or one labels file [default: beside each video].",
    ),
]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan", help="Print what it would take (time by a trial of seconds, memory, disk), write nothing."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on stderr.")]
NoRemarks = Annotated[bool, typer.Option("--quiet", "-q", help="No remarks on stderr.")]
Device = Annotated[
    str,
    typer.Option(metavar="auto|cpu|cuda|cuda:N", help="auto is CUDA where torch runs on it, else the CPU."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="NUMBER", help="Threads that decode frames [default: 2; for a GPU one a core]."
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where the lines of a list start [default: the list's folder]."),
]
Prefer = Annotated[
    str | None,
    typer.Option(metavar="ENDING", help="Of several files for one half take the one named so: 224p."),
]
