"""Moments as labels in the JSON of others: SoccerNet's, E2E-Spot's, OSL's, and our own lines."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from comedian.errors import InputError, some_of
from comedian.formats.actions import IN_FILE, NOT_SHOWN, VISIBLE
from comedian.formats.clocks import clock
from comedian.formats.moments import Moment, in_one_file, in_their_halves
from comedian.formats.naming import half_number, named, stem
from comedian.formats.periods import VIDEO_MS, Period, periods_beside, starts_ms, to_intervals
from comedian.formats.spot import Spot


def lines(moments: Iterable[Moment]) -> str:
    """A JSON object a line: spots where a confidence is known, else labels of our own form."""
    moments = list(moments)
    own = map(_own, moments, in_their_halves(moments))
    return "".join(json.dumps(moment, ensure_ascii=False) + "\n" for moment in own)


def _own(moment: Moment, placed: Moment) -> Moment:
    """A moment less what says nothing; one that is placed in the file alone has `video_ms`."""
    found = {key: value for key, value in moment.items() if value not in ("", None)}
    if found.get("visibility") == VISIBLE:
        del found["visibility"]
    if moment["half"] != IN_FILE:
        return found
    if "confidence" in found:  # a spot has a half
        return found | {key: placed[key] for key in ("half", "position_ms", VIDEO_MS) if key in placed}
    del found["half"]
    return {("video_ms" if key == "position_ms" else key): value for key, value in found.items()}


def as_spots(moments: Sequence[Moment]) -> list[Spot]:
    """Moments as spots for SoccerNet's results; labels are as sure as can be.

    Raises:
        InputError: one names no video.
    """
    if not all(moment["video"] for moment in moments):
        raise InputError("moments name no video, results are of games", remedy="give --video GAME/1")
    found = [{"confidence": 1.0, **moment} for moment in in_their_halves(moments)]
    return cast(list[Spot], sorted(found, key=lambda spot: named(spot["video"]).game))


def soccernet(moments: Sequence[Moment]) -> str:
    """`Labels-v2.json` of one game.

    Raises:
        InputError: they are of several games.
    """
    named_in = (moment["video"] for moment in moments if moment["video"])
    games = list(dict.fromkeys("/".join(named(video).game) for video in named_in))
    if len(games) > 1:
        what = f"there are moments of {len(games)} games ({some_of(games)}), {LABELS} is of one"
        raise InputError(what, remedy="choose those of one: grep its name in the JSON Lines")
    annotations = [_annotation(one, one["half"], one["position_ms"]) for one in in_their_halves(moments)]
    return _text({"UrlLocal": "".join(games), "annotations": annotations})


def ball(moments: Sequence[Moment]) -> str:
    """`Labels-ball.json`: one timeline, half 1."""
    placed = in_one_file(moments, "Labels-ball.json")
    annotations = [_annotation(moment, 1, 1000 * seconds) for seconds, moment in placed]
    videos = [moment["video"] for _, moment in placed if moment["video"]]
    game = "/".join(named(videos[0]).game) if videos else ""
    return _text({"UrlLocal": game, "annotations": annotations})


LABELS = "Labels-v2.json"


def _annotation(moment: Moment, half: int, position_ms: float) -> dict[str, str]:
    return {
        "gameTime": f"{half} - {clock(int(position_ms) / 1000)}",
        "label": moment["label"],
        "position": str(round(position_ms)),
        "team": str(moment.get("team") or "not applicable"),
        "visibility": moment.get("visibility") or VISIBLE,
    }


def e2e(moments: Sequence[Moment], fps: float) -> str:
    """E2E-Spot's JSON: events at frame numbers, of each half by the name of its video."""
    videos: dict[str, list[dict]] = {}
    for moment in moments:
        frame = round(moment["position_ms"] * fps / 1000)
        shown = moment.get("visibility") or VISIBLE
        comment = "; ".join(filter(None, [str(moment.get("team") or ""), shown]))
        event = {"frame": frame, "label": moment["label"], "comment": comment}
        videos.setdefault(_e2e_name(moment), []).append(event)
    return _text(
        [
            {
                "video": video,
                "num_frames": max(event["frame"] for event in events) + 1,
                "fps": fps,
                "num_events": len(events),
                "events": sorted(events, key=lambda event: event["frame"]),
            }
            for video, events in videos.items()
        ]
    )


def _e2e_name(moment: Moment) -> str:
    """GAME/1: what says the half of a video."""
    if moment["half"] == IN_FILE or half_number(moment["video"], 0):
        return moment["video"]
    return f"{stem(moment['video']) if moment['video'] else 'game'}/{moment['half']}"


def osl(moments: Sequence[Moment]) -> str:
    """OSL JSON 2.0: a record a video, times in its file, halves as intervals where they are known."""
    videos: dict[str, list[Moment]] = {}
    for moment in moments:
        videos.setdefault(moment["video"], []).append(moment)
    labels = sorted({moment["label"] for moment in moments})
    records = [_record(number, video, found) for number, (video, found) in enumerate(videos.items(), 1)]
    predicted = any("confidence" in moment for moment in moments)
    return _text(
        {
            "version": "2.0",
            "task": "action_spotting",
            "dataset_name": "",
            "description": "",
            "modalities": ["video"],
            "metadata": {"type": "predictions"} if predicted else {},
            "labels": {"action": {"type": "single_label", "labels": labels}},
            "data": records,
        }
    )


def _record(number: int, video: str, moments: Sequence[Moment]) -> dict[str, Any]:
    periods = _periods(video, moments)
    record: dict[str, Any] = {
        "id": str(number),
        "inputs": [{"type": "video", "path": video or "video"}],
        "events": [_event(seconds, moment) for seconds, moment in in_one_file(moments, "a record of OSL")],
    }
    return record | ({"metadata": {"intervals": to_intervals(periods)}} if periods else {})


def _periods(video: str, moments: Sequence[Moment]) -> tuple[Period, ...]:
    """Where halves lie in a file: as is known beside it, else as moments with both clocks tell."""
    if periods := (periods_beside(video) if video else ()):
        return periods
    starts = starts_ms(moment for moment in moments if moment["half"] != IN_FILE)
    ordered = sorted(((half, round(start)) for half, start in starts.items()), key=lambda pair: pair[1])
    ends = [start for _, start in ordered[1:]] + [None] * bool(ordered)
    return tuple(Period(half, start, end) for (half, start), end in zip(ordered, ends, strict=True))


def _event(seconds: float, moment: Moment) -> dict[str, Any]:
    event: dict[str, Any] = {
        "head": "action",
        "label": moment["label"],
        "position_ms": round(1000 * seconds),
    }
    if "confidence" in moment:
        event |= {"confidence": moment["confidence"], "confidence_score": moment["confidence"]}
    if moment.get("visibility", VISIBLE) == NOT_SHOWN:
        event["visibility"] = NOT_SHOWN
    return event | ({"team": moment["team"]} if moment.get("team") else {})


def _text(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
