"""What a command says on stderr, one line at a time."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from comedian.errors import InputError, some_of


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


def speaker(command: str, quiet: bool) -> Callable[[str], None]:
    """What takes the command's remarks: each is a line on stderr, or none is."""
    return (lambda message: None) if quiet else partial(warn, command)


def warn(command: str, message: str) -> None:
    """One line on stderr."""
    print(f"{command}: {message}", file=sys.stderr)
