"""Labels in our own form: a spot without its confidence, one a line or in a JSON array.

    {"half": 1, "position_ms": 1234500, "label": "Goal", "visibility": "not shown"}

`visibility` may be left out; `video` may say which video of a file for several an action belongs to.
"""

from typing import Any

from comedian.formats.actions import Action, Form, Sets
from comedian.formats.entries import name_in, number_in, read_entries, shown, text_in, visibility_in
from comedian.formats.naming import half_number

NAME = "half, position_ms and label a line"


def _fits(content: Any) -> bool:
    return isinstance(content, list)


def _read(records: list, file: str) -> Sets:
    return read_entries(records, _record, f"{file}: entry", NAME)


def _record(item: dict) -> tuple[str, list[Action]]:
    half, position_ms = item["half"], item["position_ms"]
    if type(half) is not int:
        raise ValueError(f"'half' is {shown(half)}, no whole number")
    if type(position_ms) not in (int, float):
        raise ValueError(f"'position_ms' is {shown(position_ms)}, no number")
    video = name_in(item, "video") if item.get("video", "") != "" else ""
    if video and half_number(video, half) != half:
        raise ValueError(f"'half' is {half}, but not by the name of its 'video', {shown(video)}")
    position_ms = number_in(item, "position_ms")
    return video, [Action(half, position_ms, text_in(item, "label"), visibility_in(item))]


LABELS = Form(NAME, _fits, _read)
