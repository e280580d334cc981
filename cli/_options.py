"""Options that several commands share, so that they are named and explained once."""

from pathlib import Path
from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on stderr.")]
Device = Annotated[str, typer.Option(help="auto (CUDA if there is one), cpu, cuda or cuda:N.")]
Workers = Annotated[int, typer.Option(min=1, help="Threads that decode frames.")]
Root = Annotated[
    Path | None, typer.Option(help="Folder that a list's lines start from [default: the list's].")
]
Prefer = Annotated[
    str | None,
    typer.Option(metavar="ENDING", help="Of several files for one half take the one named so: 224p."),
]
