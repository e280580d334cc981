"""What a command writes: it can be, and it is none of what the command reads."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from comedian.errors import InputError

OUTPUTS = ("output", "scores", "errors", "plot")  # parameters that name what a command writes


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
    _refuse_twice(outputs)


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


def _refuse_twice(outputs: Iterable[str | PathLike]) -> None:
    """Raise InputError if two outputs are one file, be it not there yet, or both standard output."""
    taken = set()
    for name in map(str, outputs):
        place = name if name == "-" else os.path.realpath(name)
        if place in taken and not stat.S_ISCHR(_mode(place)):
            shown = "standard output" if name == "-" else name
            raise InputError("is also another output", shown, "write somewhere else")
        taken.add(place)


def _mode(path: str) -> int:
    """The mode of a file; 0 where there is none."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def _identities(names: Iterable[str | PathLike], standard: int) -> Iterator[tuple[int, int]]:
    """Device and number of each file that exists."""
    for name in map(str, names):
        with suppress(OSError, ValueError):
            path = name.partition("@")[2] if name.startswith("timm:") else name
            found = os.stat(standard if name == "-" else path)
            if stat.S_ISREG(found.st_mode):
                yield found.st_dev, found.st_ino
