"""Standard input and output: `-`, terminals, and files that are whole or absent."""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from os import PathLike
from pathlib import Path
from typing import TextIO

import typer

from comedian.errors import InputError, some_of
from comedian.formats.spot import Spot

SPOTS = typer.Argument(metavar="SPOTS", help="JSON Lines, or a folder or zip of results_spotting.json.")


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
    """Open spots: JSON Lines, standard input for `-`, or SoccerNet's results in a folder or zip."""
    from comedian.formats.soccernet import is_soccernet, read_soccernet
    from comedian.formats.spots import read_spots

    if name != "-" and is_soccernet(name):
        yield read_soccernet(name)
        return
    with open_input(name, command, "spots") as stream:
        yield read_spots(stream, "standard input" if name == "-" else name)


def games_in(name: str, output: str) -> list[str]:
    """Paths of the games of SoccerNet's results, be they empty; none of other spots.

    Raises:
        InputError: the output is one of the files that hold them.
    """
    from comedian.formats.soccernet import RESULTS_NAME, is_soccernet, list_soccernet

    games = list_soccernet(name) if name != "-" and is_soccernet(name) else []
    refuse_inputs([output], [Path(game) / RESULTS_NAME for game in games])
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


@contextmanager
def _named(stream: str) -> Iterator[None]:
    """Tell the stream in errors of the system that name no file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno:
            error.filename = stream
        raise


class Skip:
    """Takes errors of single files, says them and keeps their names; the other files go on."""

    def __init__(self, command: str):
        self.command = command
        self.files: list[Path] = []

    def __call__(self, error: InputError) -> None:
        self.files.append(Path(error.file or ""))
        warn(self.command, str(error))


def say_left_out(sources: Iterable[str | Path], taken: Iterable[Path], say: Callable[[str], None]) -> None:
    """Say what named folders hold that is not taken, though it might be meant."""
    from comedian.formats.games import left_out

    for folder, names in left_out(sources, taken).items():
        say(f"{folder}: left out {some_of(names)}; to take a video of another kind, name it")


def warn(command: str, message: str) -> None:
    """One line on stderr."""
    print(f"{command}: {message}", file=sys.stderr)
