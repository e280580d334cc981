"""Labels in the JSON of OpenSportsLib and its annotation tool, versions 1 and 2.0: videos and their events.

Times are on the timeline of the video file. Where intervals in a record's metadata say where halves lie in
it, each event is placed in its half; one in none of them is an error, as it is there.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from comedian.formats.actions import IN_FILE, Action, Form, Sets
from comedian.formats.entries import name_in, read_entries, shown, text_in, visibility_in, whole_in
from comedian.formats.naming import half_number
from comedian.formats.periods import Period, in_period, periods_of
from comedian.formats.soccernet_labels import from_annotation

NAME = "OSL JSON"


def _fits_1(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("videos"), list)


def _read_1(content: dict, file: str) -> Sets:
    paths = read_entries(content["videos"], partial(name_in, key="path"), f"{file}: video", NAME)
    for number, (path, video) in enumerate(zip(paths, content["videos"], strict=True), 1):
        read = partial(from_annotation, otherwise=half_number(path, IN_FILE))
        place = f"{file}: video {number}, annotation"
        yield path, read_entries(video.get("annotations"), read, place, NAME)


def _fits_2(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("data"), list)


def _read_2(content: dict, file: str) -> Sets:
    paths = read_entries(content["data"], _video_of, f"{file}: record", NAME)
    for number, (path, record) in enumerate(zip(paths, content["data"], strict=True), 1):
        periods = periods_of(found, f"{file}: record {number}") if (found := _intervals(record)) else ()
        read = partial(_from_event, half_number(path, IN_FILE), periods)
        yield path, read_entries(record.get("events"), read, f"{file}: record {number}, event", NAME)


def _video_of(record: dict) -> str:
    """The path of the one video of a record."""
    inputs = record["inputs"] if isinstance(record["inputs"], list) else []
    videos = [one for one in inputs if isinstance(one, dict) and one.get("type", "video") == "video"]
    if len(videos) != 1:
        raise ValueError(f"'inputs' is {shown(record['inputs'])}, not one video")
    return name_in(videos[0], "path")


def _intervals(record: dict) -> Any:
    metadata = record.get("metadata")
    return metadata.get("intervals") if isinstance(metadata, dict) else None


def _from_event(half: int, periods: Sequence[Period], event: dict) -> Action:
    position_ms: float = whole_in(event, "position_ms")
    if periods:
        if (place := in_period(periods, position_ms)) is None:
            raise ValueError(f"'position_ms' is {position_ms}, in no interval of its video")
        half, position_ms = place
    return Action(half, position_ms, text_in(event, "label"), visibility_in(event))


LABELS_1 = Form(f"{NAME} 1", _fits_1, _read_1)
LABELS_2 = Form(f"{NAME} 2.0", _fits_2, _read_2)
