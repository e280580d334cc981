"""Standard input and output: `-`, terminals, and files that are whole or absent."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from comedian.errors import InputError
from comedian.formats.spot import Spot

SPOTS = typer.Argument(metavar="SPOTS", help="JSON Lines, or a folder or zip of results_spotting.json.")


@contextmanager
def open_input(name: str, command: str, awaited: str) -> Iterator[TextIO]:
    """Open a text file, or standard input for `-`; on a terminal one stderr line says what is awaited."""
    if name == "-":
        if sys.stdin.isatty():
            warn(command, f"waiting for {awaited} on standard input")
        yield sys.stdin
        return
    if Path(name).is_dir():
        raise InputError("is a folder", name, f"name a file with {awaited}")
    if not Path(name).exists():
        raise InputError("no such file", name, "check the path")
    with Path(name).open(encoding="utf-8") as stream:
        yield stream


@contextmanager
def open_spots(name: str, command: str) -> Iterator[Iterator[Spot]]:
    """Open spots: JSON Lines, standard input for `-`, or SoccerNet's results in a folder or zip."""
    from comedian.formats.soccernet import is_soccernet, read_soccernet
    from comedian.formats.spots import read_spots

    if name != "-" and is_soccernet(name):
        yield read_soccernet(name)
        return
    with open_input(name, command, "spots") as stream:
        yield read_spots(stream, "standard input" if name == "-" else name)


@contextmanager
def open_output(name: str) -> Iterator[TextIO]:
    """Open a text file for writing, whole or absent, or standard output for `-`."""
    if name == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    check_output(name)
    from comedian.formats.atomic import atomic_path

    with atomic_path(name) as temporary, temporary.open("w", encoding="utf-8") as stream:
        yield stream


def write_spots(stream: TextIO, spots: Iterable[Spot]) -> None:
    """Write spots as lines, and pass them on."""
    from comedian.formats.spots import write_spot

    for spot in spots:
        write_spot(stream, spot)
    stream.flush()


def check_output(path: str | Path) -> None:
    """Raise InputError unless a file can be written at `path`: before hours of work, not after them."""
    import tempfile

    path = Path(path)
    if path.is_dir():
        raise InputError("is a folder", path, "name a file")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise InputError("is not a folder", folder, "write somewhere else")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        what = f"cannot write into it: {error.strerror}"
        raise InputError(what, folder, "write somewhere else") from None


def warn(command: str, message: str) -> None:
    """One line on stderr."""
    print(f"{command}: {message}", file=sys.stderr)


def silence_stdout() -> None:
    """Point standard output at nothing, so that no later write or flush complains of a closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
