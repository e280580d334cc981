"""Labels in the JSON of E2E-Spot: a list of videos with their events at frame numbers.

Of SoccerNet's actions its converter keeps `"comment": "home; not shown"`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from comedian.formats.actions import NOT_SHOWN, VISIBLE, Action, Form, read_entries, text
from comedian.formats.naming import half_number

NAME = "E2E-Spot's JSON"


def _fits(content: Any) -> bool:
    entries = content if isinstance(content, list) else []
    return any(
        isinstance(entry, dict) and ("events" in entry or "num_frames" in entry) for entry in entries
    )


def _read(videos: list[dict], file: str) -> Iterator[tuple[str, list[Action]]]:
    """Frames are counted in a video, which is the half that its name says."""
    parts = read_entries(
        videos, lambda video: (text(video["video"]), video["events"]), f"{file}: video", NAME
    )
    for number, (video, (name, events)) in enumerate(zip(videos, parts, strict=True), 1):
        yield name, read_entries(events, partial(_action, video), f"{file}: video {number}, event", NAME)


def _action(video: dict, event: dict) -> Action:
    position_ms = round(event["frame"] * 1000 / video["fps"])
    return Action(half_number(video["video"]), position_ms, text(event["label"]), _visibility(event))


def _visibility(event: dict) -> str:
    """The event's own, else the last word of its comment."""
    words = str(event.get("comment", "")).split(";")
    return event.get("visibility") or (NOT_SHOWN if words[-1].strip() == NOT_SHOWN else VISIBLE)


LABELS = Form(NAME, _fits, _read)
