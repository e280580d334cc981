"""SoccerNet's labels: `Labels-v2.json`, and `Labels-ball.json` of ball spotting."""

import re
from typing import Any

from comedian.formats.actions import Action, Form, Sets
from comedian.formats.entries import (
    half_in,
    is_there,
    read_entries,
    shown,
    text_in,
    visibility_in,
    whole_in,
)

LABELS_NAME = "Labels-v2.json"
BALL_LABELS_NAME = "Labels-ball.json"  # one timeline a game
LABELS_NAMES = (LABELS_NAME, BALL_LABELS_NAME)

HALF = re.compile(r"\s*(\d+)\s*-")
CLOCK = re.compile(  # 45:00, 0:45:00, 45:00.5, 45:00+2 and 45:00+2:30, after the half
    r"(?:\s*\d+\s*-)?\s*(?:(\d+):)?(\d+):(\d+)(?:[.,](\d+))?\s*(?:\+\s*(\d+)(?::(\d+))?)?\s*"
)


def from_annotation(item: dict, otherwise: int | None = None) -> Action:
    """One annotation; its time is `position` (ms), where that is missing `gameTime`: "1 - 20:34".

    Args:
        otherwise: the half where neither `gameTime` nor `half` says one.

    Raises:
        KeyError, ValueError: something is missing, or is none of its kind.
    """
    position_ms = whole_in(item, "position") if is_there(item, "position") else _clock_ms(item)
    return Action(_half(item, otherwise), position_ms, text_in(item, "label"), visibility_in(item))


def _half(item: dict, otherwise: int | None) -> int:
    if is_there(item, "gameTime") and (match := HALF.match(text_in(item, "gameTime"))):
        return int(match[1])
    if is_there(item, "half"):
        return half_in(item)
    if otherwise is None:
        raise ValueError(f"'gameTime' is {shown(item['gameTime'])}, which says no half")
    return otherwise


def _clock_ms(item: dict) -> int:
    """Milliseconds of `gameTime`."""
    match = CLOCK.fullmatch(text_in(item, "gameTime"))
    if match is None:
        raise ValueError(f"'gameTime' is {shown(item['gameTime'])}, no time like '1 - 20:34'")
    hours, minutes, seconds, fraction, added, added_seconds = match.groups(default="0")
    whole = 3600 * int(hours) + 60 * (int(minutes) + int(added)) + int(seconds) + int(added_seconds)
    return 1000 * whole + int(fraction.ljust(3, "0")[:3])


def _fits(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("annotations"), list)


def _read(content: dict, file: str) -> Sets:
    return [("", read_entries(content["annotations"], from_annotation, f"{file}: annotation", LABELS.name))]


LABELS = Form(f"SoccerNet's {LABELS_NAME}", _fits, _read)
