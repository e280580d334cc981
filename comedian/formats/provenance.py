"""Who made a file: version, command line, recipe, and the files it was made from."""

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from comedian.version import VERSION


def provenance(recipe: dict | None = None, parents: Iterable[str | Path] = ()) -> str:
    """Return the JSON text that our HDF5 files and weights carry.

    Args:
        recipe: the resolved recipe, as a plain dict, if the step has one.
        parents: files this one was made from; each is named with its SHA-256.
    """
    return json.dumps(
        {
            "comedian": VERSION,
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "recipe": recipe or {},
            "parents": [{"name": Path(parent).name, "sha256": sha256(parent)} for parent in parents],
        }
    )


def fingerprint(name: str | Path | None) -> str | None:
    """What tells a file from others, wherever it lies: its SHA-256, shortened; other names as they are."""
    if name is None:
        return None
    return f"sha256 {sha256(name)[:16]}" if Path(name).is_file() else str(name)


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes, which are read once as long as the file stays as it is."""
    found = Path(path).stat()
    return _sha256(os.path.abspath(path), (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


@cache
def _sha256(path: str, state: tuple[int, ...]) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
