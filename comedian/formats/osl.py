"""Labels in the JSON of OpenSportsLib and its annotation tool, versions 1 and 2.0: videos and their events.

Times are on the timeline of the video file; intervals in its metadata, which say where halves lie in it,
do not change them.
"""

from functools import partial
from typing import Any

from comedian.formats.actions import Action, Form, Sets
from comedian.formats.entries import name_in, read_entries, shown, text_in, visibility_in, whole_in
from comedian.formats.naming import half_number
from comedian.formats.soccernet_labels import from_annotation

NAME = "OSL JSON"


def _fits_1(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("videos"), list)


def _read_1(content: dict, file: str) -> Sets:
    paths = read_entries(content["videos"], partial(name_in, key="path"), f"{file}: video", NAME)
    for number, (path, video) in enumerate(zip(paths, content["videos"], strict=True), 1):
        read = partial(from_annotation, otherwise=half_number(path))
        place = f"{file}: video {number}, annotation"
        yield path, read_entries(video.get("annotations"), read, place, NAME)


def _fits_2(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("data"), list)


def _read_2(content: dict, file: str) -> Sets:
    paths = read_entries(content["data"], _video_of, f"{file}: record", NAME)
    for number, (path, record) in enumerate(zip(paths, content["data"], strict=True), 1):
        read = partial(_from_event, half_number(path))
        yield path, read_entries(record.get("events"), read, f"{file}: record {number}, event", NAME)


def _video_of(record: dict) -> str:
    """The path of the one video of a record."""
    inputs = record["inputs"] if isinstance(record["inputs"], list) else []
    videos = [one for one in inputs if isinstance(one, dict) and one.get("type", "video") == "video"]
    if len(videos) != 1:
        raise ValueError(f"'inputs' is {shown(record['inputs'])}, not one video")
    return name_in(videos[0], "path")


def _from_event(half: int, event: dict) -> Action:
    return Action(half, whole_in(event, "position_ms"), text_in(event, "label"), visibility_in(event))


LABELS_1 = Form(f"{NAME} 1", _fits_1, _read_1)
LABELS_2 = Form(f"{NAME} 2.0", _fits_2, _read_2)
