"""Options that several commands share, so that they are named and explained once."""

import re
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

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


def pick_device(name: str):
    """The torch device of a `--device` value."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise InputError(f"unknown device {name!r}", "--device", "use auto, cpu, cuda or cuda:N")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"this machine has no device {name!r}", "--device", "use auto or cpu")
    return device
