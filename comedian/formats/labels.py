"""Labelled actions: SoccerNet's `Labels-v2.json`, E2E-Spot's JSON, and a plain form of our own.

Our own form is a spot without its confidence, one a line or in a JSON array:

    {"half": 1, "position_ms": 1234500, "label": "Goal", "visibility": "not shown"}

`visibility` may be left out; `video` may say which video of a file for several an action belongs to.
Which form a file has is seen from what it holds.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from comedian.errors import InputError

FORMS = "SoccerNet's Labels-v2.json, E2E-Spot's JSON, or half, position_ms and label a line"


class Action(NamedTuple):
    """One labelled action; `visibility` is SoccerNet's "visible" or "not shown"."""

    half: int
    position_ms: int | float
    label: str
    visibility: str = "visible"


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


def _read(path: Path) -> Iterator[tuple[str, Iterable[Action]]]:
    content = _load(path)
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        yield "", _read_all(content["annotations"], _from_soccernet, f"{path}: annotation")
    elif isinstance(content, list) and content and isinstance(content[0], dict) and "events" in content[0]:
        for number, video in enumerate(content, 1):
            yield _from_e2e(video, f"{path}: video {number}")
    elif isinstance(content, list):
        yield from _read_all(content, _from_record, f"{path}: entry")
    else:
        raise InputError("is not a labels file", path, f"give {FORMS}")


def _load(path: Path) -> dict | list:
    """The file's JSON; JSON Lines become a list."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("is not a text file", path, f"give {FORMS}") from None
    if not text.strip():
        raise InputError("is empty", path, f"give {FORMS}")
    try:
        content = json.loads(text)
        return [content] if isinstance(content, dict) and "position_ms" in content else content
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if getattr(error, "msg", "") != "Extra data" or len(lines) < 2:
            place = f"{path}:{getattr(error, 'lineno', 1)}"
            raise InputError("is not JSON, or cut short", place, f"give {FORMS}") from None
    return [_load_line(line, f"{path}:{number}") for number, line in lines]


def _load_line(line: str, place: str) -> dict:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise InputError("is not JSON, or cut short", place, f"give {FORMS}") from None


def _read_all(items: list, read, place: str) -> list:
    found = []
    for number, item in enumerate(items, 1):
        try:
            found.append(read(item))
        except KeyError as error:
            raise InputError(f"has no {error}", f"{place} {number}", f"give {FORMS}") from None
        except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
            raise InputError(f"is wrong ({error})", f"{place} {number}", f"give {FORMS}") from None
    return found


def _from_soccernet(item: dict) -> Action:
    """Half and, where `position` is missing, whole seconds come from `gameTime`: "1 - 20:34"."""
    time = item["gameTime"]
    if "position" in item:
        position_ms = int(item["position"])
    else:
        position_ms = 1000 * (60 * int(time[-5:-3]) + int(time[-2:]))
    return Action(int(time[0]), position_ms, _text(item["label"]), item.get("visibility", "visible"))


def _from_record(item: dict) -> tuple[str, list[Action]]:
    half, position_ms = item["half"], item["position_ms"]
    if type(half) is not int or type(position_ms) not in (int, float) or not math.isfinite(position_ms):
        raise ValueError("half and position_ms must be numbers")
    action = Action(half, position_ms, _text(item["label"]), item.get("visibility", "visible"))
    return _text(item.get("video", "")), [action]


def _from_e2e(video: dict, place: str) -> tuple[str, list[Action]]:
    """A video of frame numbers; each is its own half 1."""

    def read(event: dict) -> Action:
        return Action(1, round(event["frame"] * 1000 / video["fps"]), _text(event["label"]))

    (name, events), *_ = _read_all([video], lambda item: (_text(item["video"]), item["events"]), place)
    return name, _read_all(events, read, f"{place}, event")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
