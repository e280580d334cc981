"""Labels in the JSON of E2E-Spot: a list of videos with their events at frame numbers.

Of SoccerNet's actions its converter keeps `"comment": "home; not shown"`.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from comedian.formats.actions import IN_FILE, NOT_SHOWN, Action, Form
from comedian.formats.entries import name_in, number_in, read_entries, shown, text_in, visibility_in
from comedian.formats.naming import half_number

NAME = "E2E-Spot's JSON"


def _fits(content: Any) -> bool:
    entries = content if isinstance(content, list) else []
    return any(
        isinstance(entry, dict) and ("events" in entry or "num_frames" in entry) for entry in entries
    )


def _read(videos: list, file: str) -> Iterator[tuple[str, list[Action]]]:
    """Frames are counted in a video, which is the half that its name says."""
    names = read_entries(videos, _name, f"{file}: video", NAME)
    for number, (name, video) in enumerate(zip(names, videos, strict=True), 1):
        read = partial(_action, video)
        yield name, read_entries(video["events"], read, f"{file}: video {number}, event", NAME)


def ends_of(content: list) -> dict[str, float]:
    """Where videos end, in seconds, as far as a file that was read without an error tells."""
    found: dict[str, float] = {}
    for video in content:
        with suppress(KeyError, ValueError, ZeroDivisionError):  # it need not
            found[video["video"]] = number_in(video, "num_frames") / number_in(video, "fps")
    return found


def _name(video: dict) -> str:
    if "events" not in video:
        raise KeyError("events")
    return name_in(video, "video")


def _action(video: dict, event: dict) -> Action:
    if not number_in(video, "fps") > 0:
        raise ValueError(f"'fps' of its video is {shown(video['fps'])}, which cannot be")
    position_ms = round(number_in(event, "frame") * 1000 / number_in(video, "fps"))
    half = half_number(video["video"], IN_FILE)
    return Action(half, position_ms, text_in(event, "label"), _visibility(event))


def _visibility(event: dict) -> str:
    """The event's own, else the last word of its comment."""
    words = str(event.get("comment", "")).split(";")
    return NOT_SHOWN if words[-1].strip() == NOT_SHOWN else visibility_in(event)


LABELS = Form(NAME, _fits, _read)
