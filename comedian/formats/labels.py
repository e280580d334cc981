"""Labelled actions: which form a labels file has is seen from what it holds."""

import json
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats import e2e, osl, own_labels, soccernet_labels
from comedian.formats.actions import Action, Form, Sets
from comedian.formats.text import decode, kind_of, parse_json

FORMS = (
    soccernet_labels.LABELS,
    osl.LABELS_1,
    osl.LABELS_2,
    e2e.LABELS,
    own_labels.LABELS,
)  # the first that fits reads a file
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


def form_of(path: str | Path) -> Form:
    """The form of a labels file; raises as `read_labels`."""
    return _form(_load(Path(path)), path)


def counts_frames(path: str | Path) -> bool:
    """Whether a labels file says when actions are in frame numbers; raises as `read_labels`."""
    return form_of(path) is e2e.LABELS


def _read(path: Path) -> Sets:
    content = _load(path)
    return _form(content, path).read(content, str(path))


def _form(content: Any, path: str | Path) -> Form:
    """The first form that fits."""
    for form in FORMS:
        if form.fits(content):
            return form
    raise InputError(f"holds {kind_of(content)}: no labels", path, REMEDY)


def _load(path: Path) -> Any:
    """The file's JSON; JSON Lines become a list."""
    text = decode(path.read_bytes(), path, REMEDY)
    if not text.strip():
        raise InputError("is empty", path, REMEDY)
    try:
        content = parse_json(text, path, REMEDY)
        return [content] if isinstance(content, dict) and "position_ms" in content else content
    except InputError:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not _are_lines([line for _, line in lines[:1]]) or len(lines) < 2:
            raise
    return [parse_json(line, path, REMEDY, number) for number, line in lines]


def _are_lines(first: list[str]) -> bool:
    """Whether the first of several lines is JSON by itself."""
    try:
        return all(isinstance(json.loads(line), dict) for line in first)
    except (ValueError, RecursionError):
        return False
