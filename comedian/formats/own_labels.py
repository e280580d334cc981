"""Labels in our own form: a spot without its confidence, one a line or in a JSON array.

    {"half": 1, "position_ms": 1234500, "label": "Goal", "visibility": "not shown"}

`visibility` may be left out; `video` may say which video of a file for several an action belongs to.
"""

import math
from typing import Any

from comedian.formats.actions import VISIBLE, Action, Form, Sets, read_entries, text
from comedian.formats.naming import half_number

NAME = "half, position_ms and label a line"


def _fits(content: Any) -> bool:
    return isinstance(content, list)


def _read(records: list, file: str) -> Sets:
    return read_entries(records, _record, f"{file}: entry", NAME)


def _record(item: dict) -> tuple[str, list[Action]]:
    half, position_ms = item["half"], item["position_ms"]
    if type(half) is not int or type(position_ms) not in (int, float) or not math.isfinite(position_ms):
        raise ValueError("half and position_ms must be numbers")
    video = text(item.get("video", ""))
    if video and half_number(video, half) != half:
        raise ValueError(f"its half is {half}, but not by the name of its video, {video!r}")
    return video, [Action(half, position_ms, text(item["label"]), item.get("visibility", VISIBLE))]


LABELS = Form(NAME, _fits, _read)
