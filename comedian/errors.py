"""What a user can cause and fix."""

from collections.abc import Sequence
from os import PathLike

SHOWN = 60  # characters of a value


class InputError(Exception):
    """Something the user gave is wrong: `file: what; remedy`, always one line.

    Attributes:
        what: what is wrong.
        file: the file (with a place in it, such as ``labels.json:12``) or None.
        remedy: what to do about it, or None.
    """

    def __init__(self, what: str, file: str | PathLike | None = None, remedy: str | None = None):
        self.what, self.file, self.remedy = what, file, remedy
        place = f"{file}: " if file is not None else ""
        ending = f"; {remedy}" if remedy else ""
        super().__init__(" ".join(f"{place}{what}{ending}".split("\n")))


def cut_short(text: str) -> str:
    """A value's text for a message, of at most `SHOWN` characters."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def some_of(names: Sequence[str], shown: int = 3) -> str:
    """The first names, and how many more there are, for a message."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
