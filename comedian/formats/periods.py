"""Where the periods of a match lie in one file that holds several of them.

They stand in `match.mkv.periods.json` beside the video, in the words of OSL JSON 2.0:

    {"intervals": [{"period": "1", "start_time_ms": 30000, "end_time_ms": 2770000},
                   {"period": "2", "start_time_ms": 3725000}]}

A spot in such a file carries its time twice: `position_ms`, from the start of its period, as everywhere,
and `video_ms`, from the start of the file.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from comedian.errors import InputError
from comedian.formats.clocks import parse_clock
from comedian.formats.entries import number_in, read_entries, shown
from comedian.formats.text import decode, parse_json

SUFFIX = ".periods.json"
VIDEO_MS = "video_ms"  # key of a spot
FORM = '{"intervals": [{"period": "1", "start_time_ms": 0, "end_time_ms": 2700000}]}'
TEXT_REMEDY = "write PERIOD=START-END, such as 1=0:30-46:10 and 2=1:02:05-"


class Period(NamedTuple):
    """One period, in milliseconds from the start of the file.

    Attributes:
        number: 1 and 2 are the halves, 3 and more extra time.
        start_ms: where it begins.
        end_ms: where it ends, itself not in it; None is the end of the file.
    """

    number: int
    start_ms: int
    end_ms: int | None = None

    def holds(self, video_ms: float) -> bool:
        """Whether a time of the file lies in it."""
        return self.start_ms <= video_ms and (self.end_ms is None or video_ms < self.end_ms)


def parse_periods(texts: Iterable[str], place: str) -> tuple[Period, ...]:
    """Periods from a command line, in order: `1=0:30-46:10`, `2=1:02:05-`; `place` is the option's name.

    Raises:
        InputError: one is no such text, or they overlap or repeat a number.
    """
    return _checked([_parsed(text, place) for text in texts], place, TEXT_REMEDY)


def periods_beside(video: str | Path) -> tuple[Period, ...]:
    """The periods that stand beside a video; none where there is no such file.

    They stand in `VIDEO.periods.json`, or as the intervals of labels in OSL JSON 2.0, `VIDEO.json`.

    Raises:
        InputError: the file is damaged, or its periods overlap or repeat a number.
    """
    video, remedy = Path(video), f"write it as {FORM}"
    path = Path(f"{video}{SUFFIX}")
    if path.is_file():
        content = parse_json(decode(path.read_bytes(), path, remedy), path, remedy)
        if (intervals := _intervals_in(content, video)) is None:
            raise InputError("holds no intervals", path, remedy)
        return periods_of(intervals, str(path))
    for path in (Path(f"{video}.json"), video.with_suffix(".json")):
        with suppress(OSError, ValueError, RecursionError):
            if intervals := _intervals_in(json.loads(path.read_bytes()), video):
                return periods_of(intervals, str(path))
    return ()


def _intervals_in(content: Any, video: Path) -> Any:
    """The intervals of a file of periods, or of a video's record in OSL JSON 2.0; None without any."""
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        return content.get("intervals") if isinstance(content, dict) else None
    records = [record for record in content["data"] if isinstance(record, dict)]
    own = [record for record in records if _names(record.get("inputs"), video)]
    metadata = own[0].get("metadata") if len(own) == 1 else None
    return metadata.get("intervals") if isinstance(metadata, dict) else None


def _names(inputs: Any, video: Path) -> bool:
    """Whether the inputs of a record name a video, in whatever folder."""
    paths = [one.get("path") for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []
    return video.name in {PurePosixPath(path).name for path in paths if isinstance(path, str)}


def periods_of(intervals: Any, place: str) -> tuple[Period, ...]:
    """The periods of OSL's intervals; raises as `periods_beside`, naming the place."""
    found = read_entries(intervals, _from_interval, f"{place}: interval", FORM)
    return _checked(found, place, f"write them as {FORM}")


def to_intervals(periods: Iterable[Period]) -> list[dict]:
    """Periods as OSL writes them."""
    return [
        {"period": str(number), "start_time_ms": start} | ({} if end is None else {"end_time_ms": end})
        for number, start, end in periods
    ]


def write_periods(video: str | Path, periods: Iterable[Period]) -> None:
    """Write the file of periods beside a video, whole or not at all."""
    from comedian.formats.atomic import atomic_path

    with atomic_path(f"{video}{SUFFIX}") as part:
        part.write_text(json.dumps({"intervals": to_intervals(periods)}, indent=1) + "\n", encoding="utf-8")


def in_period(periods: Sequence[Period], video_ms: float) -> tuple[int, float] | None:
    """Number of the period and milliseconds from its start of a time of the file; None in a break."""
    for period in periods:
        if period.holds(video_ms):
            return period.number, video_ms - period.start_ms
    return None


def in_file(periods: Sequence[Period], number: int, position_ms: float) -> float | None:
    """The time of the file of a position in a period; None where there is no such period."""
    return next((period.start_ms + position_ms for period in periods if period.number == number), None)


def ms_in_file(spot: Mapping[str, Any], periods: Sequence[Period]) -> float | None:
    """The time in its file of a spot, or of anything with its keys: as it says, else by the file's periods.

    Without periods the whole file is the half; None where there is no such period.
    """
    if isinstance(spot.get(VIDEO_MS), int | float):
        return spot[VIDEO_MS]
    if not periods:
        return spot["position_ms"]
    return in_file(periods, spot["half"], spot["position_ms"])


def starts_ms(spots: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Where halves begin in the file that holds them, as spots with both clocks tell."""
    return {
        spot["half"]: spot[VIDEO_MS] - spot["position_ms"]
        for spot in spots
        if isinstance(spot.get(VIDEO_MS), int | float)
    }


def _parsed(text: str, place: str) -> Period:
    match = re.fullmatch(r"([1-9])=([^-]+)-([^-]*)", text.strip(), re.ASCII)
    try:
        if match is None:
            raise ValueError(f"{text!r} is no PERIOD=START-END")
        start, end = match[2], match[3]
        return Period(
            int(match[1]), _ms(parse_clock(start)), _ms(parse_clock(end)) if end.strip() else None
        )
    except ValueError as error:
        raise InputError(str(error), place, TEXT_REMEDY) from None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _from_interval(entry: dict) -> Period:
    number = number_in(entry, "period")
    if number not in range(1, 10):
        raise ValueError(f"'period' is {shown(entry['period'])}, not 1 to 9")
    end = None if entry.get("end_time_ms") is None else int(number_in(entry, "end_time_ms"))
    return Period(int(number), int(number_in(entry, "start_time_ms")), end)


def _checked(periods: list[Period], place: str, remedy: str) -> tuple[Period, ...]:
    """Periods in order of time; InputError unless they are apart, and in the order of their numbers."""
    found = sorted(periods, key=lambda period: period.start_ms)
    for period in found:
        if period.start_ms < 0 or (period.end_ms is not None and period.end_ms <= period.start_ms):
            raise InputError(f"period {period.number} ends before it begins", place, remedy)
    for one, other in pairwise(found):
        if other.number <= one.number:
            what = f"period {other.number} comes after period {one.number}"
            raise InputError(what, place, "number them in the order of time, each once")
        if one.end_ms is None or one.end_ms > other.start_ms:
            raise InputError(f"periods {one.number} and {other.number} overlap", place, remedy)
    return tuple(found)
