"""What a file is, who made it, and from what: from its header, as plain values and as lines for people."""

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats.kinds import KINDS, kind_of

READERS = {  # kind -> function in comedian.about, imported where needed: that for weights takes torch
    **{kind: f"hdf5.{kind}" for kind in ("frames", "bank", "scores", "tokens")},
    **{kind: f"weights.{kind}" for kind in ("weights", "state")},
    **{kind: f"others.{kind}" for kind in ("spots", "results", "labels", "features", "video")},
    **{kind: f"others.{kind}" for kind in ("recipe", "periods", "epochs")},
    "settings": "others.recipe",
    "list": "others.games",
}
NOT_IN_LINES = ("recipe", "settings", "model", "curves")  # tables of dozens of values: --json has them
WIDTH = 24  # of a name, in a line
SHOWN = 20  # of several files or halves, in lines
HASH_SHOWN = 16  # characters


def info(path: str | Path) -> dict[str, Any]:
    """Describe a file: `file`, `kind`, `bytes`, what the kind has, `made_by` and `made_from`.

    Nothing large is read: headers of HDF5, weights and videos; spots and labels are counted.

    Returns:
        values that JSON can hold.

    Raises:
        InputError: there is no such file, it is of no kind that is known, or damaged.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "folder":
        raise InputError("is a folder", path, "name a file, or run check-data on it")
    if kind is None:
        kinds = ", ".join(kind for kind in KINDS if kind != "folder")
        raise InputError(f"is none of {kinds}", path, "name a file that a command wrote or reads")
    return {"file": str(path), "kind": kind, "bytes": os.path.getsize(path), **_reader(kind)(path)}


def _reader(kind: str) -> Callable[[Path], dict[str, Any]]:
    """What describes files of a kind."""
    module, name = READERS[kind].split(".")
    return getattr(import_module(f"comedian.about.{module}"), name)


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """One line a value; a line for each of several games or files."""
    for name, value in found.items():
        if name not in NOT_IN_LINES and value not in ("", None, [], {}):
            title = name.replace("_", " ")
            for part in _parts(value):
                yield f"{title:<{WIDTH}}{part}"
                title = ""


def _parts(value: Any) -> Iterator[str]:
    """A value in one line or several."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield from map(_item, value[:SHOWN])
        if len(value) > SHOWN:
            yield f"and {len(value) - SHOWN} more (--json)"
    elif isinstance(value, dict):
        for key, part in value.items():
            yield f"{key} {_text(part)}"
    else:
        yield _text(value)


def _item(item: dict) -> str:
    """One of several files or halves: its name, then what it has."""
    (_, name), *rest = item.items()
    told = [
        f"{key} {_text(part)[:HASH_SHOWN]}" if key == "sha256" else f"{key} {_text(part)}"
        for key, part in rest
    ]
    return ", ".join([_text(name), *told])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    return " ".join(str(value).split("\n"))
