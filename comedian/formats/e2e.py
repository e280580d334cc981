"""Labels in the JSON of E2E-Spot: a list of videos with their events at frame numbers."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from comedian.formats.actions import Action, Form, read_entries, text

NAME = "E2E-Spot's JSON"


def _fits(content: Any) -> bool:
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and "events" in first


def _read(videos: list[dict], file: str) -> Iterator[tuple[str, list[Action]]]:
    """A video of frame numbers is its own half 1."""
    parts = read_entries(
        videos, lambda video: (text(video["video"]), video["events"]), f"{file}: video", NAME
    )
    for number, (video, (name, events)) in enumerate(zip(videos, parts, strict=True), 1):
        yield name, read_entries(events, partial(_action, video), f"{file}: video {number}, event", NAME)


def _action(video: dict, event: dict) -> Action:
    return Action(1, round(event["frame"] * 1000 / video["fps"]), text(event["label"]))


LABELS = Form(NAME, _fits, _read)
