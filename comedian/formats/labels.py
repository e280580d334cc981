"""Labelled actions: which form a labels file has is seen from what it holds."""

import json
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats import e2e, own_labels, soccernet
from comedian.formats.actions import Action, Sets

FORMS = (soccernet.LABELS, e2e.LABELS, own_labels.LABELS)  # the first that fits reads a file
REMEDY = f"give {', '.join(form.name for form in FORMS[:-1])}, or {FORMS[-1].name}"


def read_labels(path: str | Path) -> list[Action]:
    """All actions of a labels file, in its order.

    Raises:
        InputError: the file is in none of the forms, or an entry is wrong (with its place).
    """
    return [action for actions in read_label_sets(path).values() for action in actions]


def read_label_sets(path: str | Path) -> dict[str, list[Action]]:
    """The actions of a labels file by video; those that name no video stand under "".

    Raises:
        InputError: as `read_labels`.
    """
    sets: dict[str, list[Action]] = {}
    for video, actions in _read(Path(path)):
        sets.setdefault(video, []).extend(actions)
    return sets


def read_classes(text: str) -> tuple[str, ...]:
    """Class names from a file of one a line, or from the text itself, separated by commas.

    Raises:
        InputError: there is none, or one comes twice.
    """
    try:
        path = Path(text)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else text.split(",")
    except UnicodeDecodeError:
        raise InputError("is not a text file", text, "give one class a line") from None
    classes = tuple(line.strip() for line in lines if line.strip())
    if not classes or len(set(classes)) < len(classes):
        what = "names a class twice" if classes else "names no class"
        raise InputError(what, text, "name each class once, one a line or separated by commas")
    return classes


def _read(path: Path) -> Sets:
    content = _load(path)
    for form in FORMS:
        if form.fits(content):
            return form.read(content, str(path))
    raise InputError("is not a labels file", path, REMEDY)


def _load(path: Path) -> Any:
    """The file's JSON; JSON Lines become a list."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("is not a text file", path, REMEDY) from None
    if not text.strip():
        raise InputError("is empty", path, REMEDY)
    try:
        content = json.loads(text)
        return [content] if isinstance(content, dict) and "position_ms" in content else content
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if getattr(error, "msg", "") != "Extra data" or len(lines) < 2:
            place = f"{path}:{getattr(error, 'lineno', 1)}"
            raise InputError("is not JSON, or cut short", place, REMEDY) from None
    return [_load_line(line, f"{path}:{number}") for number, line in lines]


def _load_line(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise InputError("is not JSON, or cut short", place, REMEDY) from None
