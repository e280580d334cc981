"""Labelled actions: which form a labels file has is seen from what it holds."""

import json
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats import e2e, osl, own_labels, soccernet_labels, spreadsheet
from comedian.formats.actions import VISIBLE, Action, Form, Sets
from comedian.formats.markers import losslesscut, sportscode
from comedian.formats.moments import Moment
from comedian.formats.text import decode, kind_of, parse_json

FORMS = (
    soccernet_labels.LABELS,
    osl.LABELS_1,
    osl.LABELS_2,
    e2e.LABELS,
    own_labels.LABELS,
)  # the first that fits reads a file
TEXT_FORMS = (  # and what is no JSON
    ("Sportscode's XML", sportscode.fits, sportscode.read),
    ("a spreadsheet's CSV", spreadsheet.fits, spreadsheet.read),
    ("LosslessCut's CSV", losslesscut.fits_csv, losslesscut.read_csv),
    ("a project of LosslessCut", losslesscut.fits_llc, losslesscut.read_llc),
)
TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".xml", ".llc"})  # of those
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


def form_of(path: str | Path) -> str:
    """The name of a labels file's form; raises as `read_labels`."""
    text = _text(Path(path))
    return text_form(text) or _form(parse(text, path), path).name


def text_form(text: str) -> str | None:
    """The name of a form that is no JSON, if a text is of one."""
    return next((name for name, fits, _ in TEXT_FORMS if fits(text)), None)


def counts_frames(path: str | Path) -> bool:
    """Whether a labels file says when actions are in frame numbers; raises as `read_labels`."""
    return form_of(path) == e2e.LABELS.name


def parse(text: str, file: str | Path) -> Any:
    """The JSON of a labels file; JSON Lines become a list."""
    if not text.strip():
        raise InputError("is empty", file, REMEDY)
    try:
        content = parse_json(text, file, REMEDY)
        return [content] if isinstance(content, dict) and "position_ms" in content else content
    except InputError:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not _are_lines([line for _, line in lines[:1]]) or len(lines) < 2:
            raise
    return [parse_json(line, file, REMEDY, number) for number, line in lines]


def sets_of(content: Any, file: str | Path) -> Sets:
    """The actions that JSON holds, by video; raises as `read_labels`."""
    return _form(content, file).read(content, str(file))


def ends_in(path: str | Path) -> dict[str, float]:
    """Where the videos that a labels file names end, in seconds, if it tells; raises as `read_labels`."""
    return e2e.ends_of(parse(_text(Path(path)), path)) if counts_frames(path) else {}


def _read(path: Path) -> Sets:
    text = _text(path)
    for _, fits, read in TEXT_FORMS:
        if fits(text):
            return [(moment["video"], [_action(moment)]) for moment in read(text, str(path))]
    return sets_of(parse(text, path), path)


def _action(moment: Moment) -> Action:
    shown = moment.get("visibility") or VISIBLE
    return Action(moment["half"], moment["position_ms"], moment["label"], shown)


def _text(path: Path) -> str:
    return decode(path.read_bytes(), path, REMEDY)


def _form(content: Any, path: str | Path) -> Form:
    """The first form that fits."""
    for form in FORMS:
        if form.fits(content):
            return form
    raise InputError(f"holds {kind_of(content)}: no labels", path, REMEDY)


def _are_lines(first: list[str]) -> bool:
    """Whether the first of several lines is JSON by itself."""
    try:
        return all(isinstance(json.loads(line), dict) for line in first)
    except (ValueError, RecursionError):
        return False
