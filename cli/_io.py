"""Standard input and output: `-`, terminals, and files that are whole or absent."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TextIO

import typer

from comedian.errors import InputError
from comedian.formats.spot import Spot

from ._outputs import check_output, refuse_inputs
from ._say import warn

SPOTS = typer.Argument(
    metavar="SPOTS", help="JSON Lines, a folder of them, or a folder or zip of results_spotting.json."
)


@contextmanager
def open_input(name: str, command: str, awaited: str) -> Iterator[TextIO]:
    """Open a text file, or standard input for `-`; on a terminal one stderr line says what is awaited."""
    if name == "-":
        if sys.stdin is None:
            raise InputError("is closed", "standard input", f"name a file with {awaited}")
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
    """Open spots: JSON Lines, standard input for `-`, a folder of them, or SoccerNet's results."""
    from comedian.formats.soccernet import is_soccernet, read_soccernet
    from comedian.formats.spots import read_spots, read_spots_file, spots_files

    if name != "-" and (files := spots_files(name)):
        yield chain.from_iterable(map(read_spots_file, files))
        return
    if name != "-" and is_soccernet(name):
        yield read_soccernet(name)
        return
    with open_input(name, command, "spots") as stream:
        yield read_spots(stream, "standard input" if name == "-" else name)


def games_in(name: str, *outputs: str) -> list[str]:
    """Paths of the games of SoccerNet's results, be they empty; none of other spots.

    Raises:
        InputError: an output is one of the files that hold them.
    """
    from comedian.formats.soccernet import RESULTS_NAME, is_soccernet, list_soccernet

    games = list_soccernet(name) if name != "-" and is_soccernet(name) else []
    refuse_inputs(outputs, [Path(game) / RESULTS_NAME for game in games])
    return games


@contextmanager
def open_output(name: str) -> Iterator[TextIO]:
    """Open a text file for writing, whole or absent; standard output for `-`; a device or FIFO as it is."""
    if name == "-":
        with _named("standard output"):
            yield sys.stdout
            sys.stdout.flush()
        return
    check_output(name)
    from comedian.formats.atomic import atomic_path, is_stream, open_stream

    if is_stream(name):
        with _named(name), TextIOWrapper(open_stream(name), "utf-8", newline="\n") as stream:
            yield stream
        return
    with atomic_path(name) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        yield stream


def write_spots(stream: TextIO, spots: Iterable[Spot]) -> None:
    """Write spots as lines, and pass them on."""
    from comedian.formats.spots import write_spot

    for spot in spots:
        write_spot(stream, spot)
    stream.flush()


@contextmanager
def _named(stream: str) -> Iterator[None]:
    """Tell the stream in errors of the system that name no file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno:
            error.filename = stream
        raise
