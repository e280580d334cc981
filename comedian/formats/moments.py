"""Moments: spots or labelled actions on their way from one form to another.

A moment is a dict with `video` ("" where a file does not name it), `half` (`IN_FILE` where nothing says
it), `position_ms` and `label`; and as far as they are known `confidence`, `visibility`, `team`,
`video_ms` and other keys.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from comedian.errors import InputError, some_of
from comedian.formats.actions import IN_FILE, VISIBLE, Action, in_halves
from comedian.formats.naming import half_number
from comedian.formats.periods import VIDEO_MS, Period, ms_in_file, periods_beside

Moment = dict[str, Any]
NO_LETTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")  # nor in XML 1.0, 2.2, but for white space


class Placed(NamedTuple):
    """A moment, and its time in the one file that all are of.

    Attributes:
        seconds: from the start of the file.
    """

    seconds: float
    moment: Moment


def of_actions(sets: Iterable[tuple[str, Iterable[Action]]]) -> list[Moment]:
    """Labelled actions by video as moments."""
    return [
        {
            "video": video,
            "half": action.half,
            "position_ms": action.position_ms,
            "label": action.label,
            "visibility": action.visibility,
        }
        for video, actions in sets
        for action in actions
    ]


def in_one_file(moments: Iterable[Moment], form: str) -> list[Placed]:
    """Moments of one video in order of their time in it.

    Args:
        form: what is to be written, for messages.

    Raises:
        InputError: they are of several videos, or of several halves that have no place in the file.
    """
    moments = list(moments)
    videos = list(dict.fromkeys(moment["video"] for moment in moments))
    if len(videos) > 1:
        what = f"there are moments of {len(videos)} videos ({some_of(videos)}), {form} is of one"
        raise InputError(what, remedy="choose those of one: grep its name in the JSON Lines")
    placed = [Placed(seconds, moment) for seconds, moment in zip(_seconds(moments), moments, strict=True)]
    return sorted(placed, key=lambda one: one.seconds)


def _seconds(moments: Sequence[Moment]) -> list[float]:
    video = moments[0]["video"] if moments else ""
    periods = periods_beside(video) if video else ()
    halves = {moment["half"] for moment in moments if VIDEO_MS not in moment}
    if len(halves) > 1 and not periods:
        what = "has moments of several halves, and nothing says where those lie in the file"
        raise InputError(what, video or None, "write its periods beside the video, or give one half")
    found = [(ms_in_file(moment, periods), moment["position_ms"]) for moment in moments]
    return [(position if own is None else own) / 1000 for own, position in found]


def one_line(label: str) -> str:
    """A label as one line of letters that XML holds."""
    return " ".join(NO_LETTERS.sub(" ", label).split()) or "-"


def plainly(placed: Iterable[Placed]) -> list[Placed]:
    """Moments whose labels are `one_line` and which do not begin before their file."""
    return [
        Placed(max(seconds, 0.0), {**moment, "label": one_line(moment["label"])})
        for seconds, moment in placed
    ]


def in_their_halves(moments: Iterable[Moment]) -> list[Moment]:
    """Moments with their halves, where periods beside a video or its name tell them; else half 1."""
    beside = cache(periods_beside)  # each file is read once
    return [
        _in_half(moment, beside(moment["video"]) if moment["video"] else ())
        if moment["half"] == IN_FILE
        else moment
        for moment in moments
    ]


def _in_half(moment: Moment, periods: Sequence[Period]) -> Moment:
    video_ms = moment["position_ms"]
    if not periods:
        return {**moment, "half": half_number(moment["video"], 1)}
    starts = {period.number: period.start_ms for period in periods}
    (action,) = in_halves([Action(IN_FILE, video_ms, "")], starts)
    return {**moment, "half": action.half, "position_ms": action.position_ms, VIDEO_MS: video_ms}


def lost(moments: Iterable[Moment], kept: Iterable[str]) -> list[str]:
    """What a form has no place for, counted: "3 confidences", "2 of not shown"."""
    names = {"confidence": "confidences", "visibility": "visibilities", "team": "teams", "video": "videos"}
    names |= {"half": "halves", VIDEO_MS: "times in the file"}
    counts: dict[str, int] = {}
    for moment in moments:
        for key, value in moment.items():
            if key not in kept and value not in ("", None, VISIBLE, IN_FILE):
                counts[key] = counts.get(key, 0) + 1
    return [f"{number} {names.get(key, key)}" for key, number in counts.items()]
