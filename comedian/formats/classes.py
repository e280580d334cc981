"""Names of classes: from a file or a command line, and what those of labels were meant to be."""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence

from comedian.errors import InputError, some_of
from comedian.formats.text import read_lines
from comedian.recipes.model import check_classes
from comedian.recipes.schema import made

FILE = re.compile(r"[^,]*[/\\][^,]*|.*\.(txt|lst|list|names|csv|tsv|json|ya?ml|toml|md)", re.I | re.S)


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


def quoted(labels: Iterable[str], classes: Sequence[str]) -> str:
    """Labels that are no classes, for a message, with the class that each was probably meant to be."""
    meant = {_loosely(name): name for name in classes}
    return some_of([_quoted(label, meant.get(_loosely(label))) for label in sorted(labels)])


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
