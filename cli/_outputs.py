"""What a command writes: it can be, and it is none of what the command reads."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from comedian.errors import InputError

OUTPUTS = ("output", "scores")  # parameters that name what a command writes


def check_output(path: str | Path) -> None:
    """Raise InputError unless a file can be written at `path`: before hours of work, not after them."""
    import tempfile

    from comedian.formats.atomic import is_stream

    if Path(path).is_dir():
        raise InputError("is a folder", path, "name a file")
    if is_stream(path):
        return
    goal = Path(os.path.realpath(path))
    folder = next(parent for parent in goal.parents if parent.exists())
    if not folder.is_dir():
        raise InputError("is not a folder", folder, "write somewhere else")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        what = f"cannot write into it: {error.strerror}"
        raise InputError(what, folder, "write somewhere else") from None


def refuse_same(options: dict[str, Any]) -> None:
    """Raise InputError if one of the files that are written is also one of those that are read."""
    outputs = [value for key, value in options.items() if key in OUTPUTS and value]
    named = [value for key, value in options.items() if key not in OUTPUTS]
    inputs = [item for value in named for item in (value if isinstance(value, list) else [value])]
    refuse_inputs(outputs, [item for item in inputs if isinstance(item, str | os.PathLike)])


def refuse_inputs(outputs: Iterable[str | PathLike], inputs: Iterable[str | PathLike]) -> None:
    """Raise InputError if an output is one of the inputs, by whatever names; `-` is the standard stream.

    So `nms a.jsonl >> a.jsonl` and `nms -o a.jsonl < a.jsonl` are refused too. Several outputs must differ.
    """
    taken = dict.fromkeys(_identities(inputs, 0), "an input")
    for name in outputs:
        for identity in _identities([name], 1):
            if identity in taken:
                place = "standard output" if name == "-" else name
                raise InputError(f"is also {taken[identity]}", place, "write somewhere else")
            taken[identity] = "another output"


def _identities(names: Iterable[str | PathLike], standard: int) -> Iterator[tuple[int, int]]:
    """Device and number of each file that exists."""
    for name in map(str, names):
        with suppress(OSError, ValueError):
            path = name.partition("@")[2] if name.startswith("timm:") else name
            found = os.stat(standard if name == "-" else path)
            if stat.S_ISREG(found.st_mode):
                yield found.st_dev, found.st_ino
