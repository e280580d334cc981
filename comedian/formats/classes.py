"""Names of classes: from a file or a command line, and what those of labels were meant to be."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from comedian.errors import InputError, some_of
from comedian.formats.text import read_lines
from comedian.recipes.model import SOCCERNET_CLASSES, check_classes
from comedian.recipes.schema import made

FILE = re.compile(r"[^,]*[/\\][^,]*|.*\.(txt|lst|list|names|csv|tsv|json|ya?ml|toml|md)", re.I | re.S)
SHOWN = 3  # names in a message
LIKENESS = 0.8  # of two names, from which one is taken for the other misspelt (difflib's ratio)


def read_classes(text: str) -> tuple[str, ...]:
    """Class names from a file of one a line, or from the text itself, separated by commas.

    Raises:
        InputError: there is none, one comes twice, or the text looks like a file that is not there.
    """
    if os.path.isdir(text):
        raise InputError("is a folder", text, "name a file of classes, one a line")
    if os.path.isfile(text):
        lines = read_lines(text, "give one class a line")
    elif FILE.fullmatch(text):
        raise InputError("no such file", text, "check the path, or name classes with commas")
    else:
        lines = [name.strip() for name in text.split(",")]
    classes = tuple(filter(None, lines))
    if classes and re.match(r"[\[{]\s*(\"|$)", classes[0]):
        raise InputError("is JSON", text, "give one class a line")
    if not classes:
        raise InputError("names no class", text, "name each class once, one a line or separated by commas")
    made(lambda: check_classes(classes), text)
    return classes


def classes_meant(labels: Iterable[str], given: Sequence[str] | None = None) -> tuple[str, ...]:
    """The classes that count: those given; else SoccerNet's 17, or what labels have that are none of them.

    Labels that look like SoccerNet's classes, but for case or blanks, are meant to be those.
    """
    own = set(labels)
    soccer = {_loosely(name) for name in SOCCERNET_CLASSES}
    if given is not None:
        return tuple(given)
    return tuple(sorted(own)) if own and not soccer & set(map(_loosely, own)) else SOCCERNET_CLASSES


def quoted(labels: Iterable[str], classes: Sequence[str]) -> str:
    """Labels that are no classes, for a message, with the class that each was probably meant to be."""
    loose = {_loosely(name): name for name in classes}
    names = sorted(labels)
    return some_of([_quoted(label, _meant(label, loose)) for label in names[:SHOWN]] + names[SHOWN:], SHOWN)


def spelt_alike(labels: Iterable[str]) -> list[list[str]]:
    """Labels that differ only in what people mix up, together."""
    groups: dict[str, list[str]] = {}
    for label in sorted(labels):
        groups.setdefault(_loosely(label), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _meant(label: str, loose: Mapping[str, str]) -> str | None:
    """The class that a label probably is, by its loose form."""
    near = difflib.get_close_matches(_loosely(label), loose, 1, LIKENESS)
    return loose[near[0]] if near else None


def _quoted(label: str, meant: str | None) -> str:
    if meant is None:
        return repr(label)
    way = " in another form of Unicode" if _canonical(label) == _canonical(meant) else ""
    return f"{label!r} (is {meant!r} meant?{way})"


def _canonical(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _loosely(name: str) -> str:
    """A name without what people mix up: case, blanks, dashes, underscores, forms of Unicode."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())
