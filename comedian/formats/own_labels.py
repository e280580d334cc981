"""Labels in our own form: a spot without its confidence, one a line or in a JSON array.

    {"half": 1, "position_ms": 1234500, "label": "Goal", "visibility": "not shown"}

`visibility` may be left out; `video` may say which video of a file for several an action belongs to. In
place of `half` and `position_ms`, `video_ms` may say the time in a file that holds several periods.
"""

from typing import Any

from comedian.formats.actions import IN_FILE, Action, Form, Sets
from comedian.formats.entries import name_in, number_in, read_entries, shown, text_in, visibility_in
from comedian.formats.naming import half_number

NAME = "half, position_ms and label a line"


def _fits(content: Any) -> bool:
    return isinstance(content, list)


def _read(records: list, file: str) -> Sets:
    return read_entries(records, _record, f"{file}: entry", NAME)


def _record(item: dict) -> tuple[str, list[Action]]:
    if "video_ms" in item and not {"half", "position_ms"} & item.keys():
        half, position_ms = IN_FILE, item["video_ms"]
    else:
        half, position_ms = item["half"], item["position_ms"]
        if type(half) is not int or half < 0:
            raise ValueError(f"'half' is {shown(half)}, no whole number")
    if type(position_ms) not in (int, float):
        raise ValueError(f"'position_ms' is {shown(position_ms)}, no number")
    video = name_in(item, "video") if item.get("video", "") != "" else ""
    if video and half_number(video, half) != half != IN_FILE:
        raise ValueError(f"'half' is {half}, but not by the name of its 'video', {shown(video)}")
    number_in({"position_ms": position_ms}, "position_ms")
    return video, [Action(half, position_ms, text_in(item, "label"), visibility_in(item))]


LABELS = Form(NAME, _fits, _read)
