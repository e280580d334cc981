"""The timeline of a match as one HTML page that needs nothing else: lanes, video, correction of labels.

Style, script and data stand in the page; the video lies beside it.
"""

import base64
import html
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

import numpy as np

from comedian.formats.naming import game_name, text_of
from comedian.formats.periods import in_file, periods_beside, starts_ms
from comedian.formats.scores import Scores
from comedian.formats.soccernet import soccernet_game
from comedian.formats.spot import Spot

MOST_SPOTS = 4000  # of a page, the surest; a canvas and a person see no more
STATES = {"hit": True, "miss": True, "label": True}  # what is kept as a label from the beginning


@dataclass(frozen=True)
class Match:
    """What a page shows.

    Attributes:
        spots: of one match; those with `error` (`comedian.evaluation.errors`) are told by that.
        labels: how many there are, for the page's summary; None without labels.
        scores: of its halves, or none; `score_classes` names their columns.
        video: the file to show, in place of what the spots name.
    """

    spots: Sequence[Spot]
    labels: int | None = None
    scores: Sequence[Scores] = ()
    score_classes: Sequence[str] = ()
    video: Path | None = None

    @property
    def shown(self) -> list[Spot]:
        """The surest spots, and all that is kept."""
        kept = [spot for spot in self.spots if STATES.get(_state(spot))]
        others = [spot for spot in self.spots if not STATES.get(_state(spot))]
        return kept + sorted(others, key=lambda spot: -spot["confidence"])[:MOST_SPOTS]

    def file(self, video: str) -> Path:
        """Where the video lies that spots name so."""
        return self.video or Path(video)

    def start_seconds(self, video: str, half: int) -> float:
        """Where a half begins in its file: as its scores or spots say, else the periods beside the file."""
        told = starts_ms(spot for spot in self.spots if spot["video"] == video).get(half)
        for scored in self.scores:
            if (scored.video, scored.half) == (video, half) and scored.video_start_ms is not None:
                told = scored.video_start_ms
        if told is None:
            told = in_file(periods_beside(self.file(video)), half, 0)
        return (told or 0.0) / 1000


def place_seconds(spot: Spot) -> float:
    """Where a page shows a moment, from the start of its half; a hit lies where its label does."""
    at, label_ms = spot["position_ms"], spot.get("label_ms")
    if _state(spot) == "hit" and isinstance(label_ms, int | float):
        at = label_ms
    return round(at / 1000, 3)


def page(match: Match, beside: Path, pictures: Mapping[int, bytes] = MappingProxyType({})) -> str:
    """The page of a match.

    Args:
        beside: the folder in which the page will lie; videos are named from there.
        pictures: JPEG by place in `match.shown` (`comedian.pages.thumbnails`).
    """
    spots = match.shown
    videos = {(spot["video"], spot["half"]) for spot in spots}
    videos |= {(half.video, half.half) for half in match.scores}
    order = sorted(videos, key=lambda one: (one[1], one[0]))
    names = {spot["label"] for spot in spots} | set(match.score_classes)
    classes = sorted(names, key=lambda name: (name.casefold(), name))
    title = game_name(order[0][0]) if order else "match"
    data = {
        "name": Path(title).name,
        "game": soccernet_game(order[0][0]) if order else "",
        "about": _about(match, len(spots)),
        "classes": classes,
        "halves": [_half(one, spots, match, beside, classes) for one in order],
        "items": [
            [*_item(spot, order, classes), *_encoded(pictures.get(number))]
            for number, spot in enumerate(spots)
        ],
    }
    room = files("comedian.pages")
    parts = {name: room.joinpath(f"timeline.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Template(room.joinpath("timeline.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title), style=parts["css"], script=parts["js"], data=text
    )


def size_of(text: str, pictures: Mapping[int, bytes]) -> str:
    """How large a page is, and its pictures, in words."""
    encoded = sum(-(-len(blob) // 3) * 4 for blob in pictures.values())
    count = f"{len(pictures)} thumbnail{'s' * (len(pictures) != 1)}"
    return f"{count}, {encoded / 1000:.0f} of {len(text.encode()) / 1000:.0f} kB"


def _about(match: Match, shown: int) -> str:
    spots = f"{shown} of {len(match.spots)} moments" if shown < len(match.spots) else f"{shown} moments"
    return spots if match.labels is None else f"{spots}, {match.labels} labels"


def _state(spot: Spot) -> str:
    return str(spot.get("error", "spot"))


def _encoded(picture: bytes | None) -> list[str]:
    """A picture in base64, as the last of an item; nothing where there is none."""
    return [] if picture is None else [base64.b64encode(picture).decode()]


def _item(spot: Spot, order: Sequence[tuple[str, int]], classes: Sequence[str]) -> list[Any]:
    """half, seconds, class, confidence, state, kept."""
    state = _state(spot)
    confidence = None if state in ("miss", "label") else round(float(spot["confidence"]), 4)
    half = order.index((spot["video"], spot["half"]))
    return [
        half,
        place_seconds(spot),
        classes.index(spot["label"]),
        confidence,
        state,
        bool(STATES.get(state)),
    ]


def _half(
    one: tuple[str, int], spots: Iterable[Spot], match: Match, beside: Path, classes: Sequence[str]
) -> dict[str, Any]:
    """A half: its video, where it begins in it, how long it is, and its scores."""
    video, number = one
    own = [spot for spot in spots if (spot["video"], spot["half"]) == one]
    scored = next((half for half in match.scores if (half.video, half.half) == one), None)
    last = max([spot["position_ms"] / 1000 for spot in own], default=0.0)
    found = {
        "video": video,
        "number": number,
        "src": _source(match.file(video), beside),
        "start": match.start_seconds(video, number),
        "length": round(max(last + 10, float(scored.seconds[-1]) if scored is not None else 0.0), 3),
    }
    return found if scored is None else found | _scores(scored, match.score_classes, classes)


def _source(video: Path, beside: Path) -> str:
    """The path of a video from the page's folder, "" where there is none."""
    return text_of(os.path.relpath(video, beside)) if video.is_file() else ""


def _scores(half: Scores, columns: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """Bytes (L, classes of the page) in base64, and the seconds between rows."""
    step = float(np.median(np.diff(half.seconds))) if len(half.seconds) > 1 else 1.0
    rows = np.zeros((len(half.seconds), len(classes)), np.uint8)
    for column, name in enumerate(columns):
        rows[:, classes.index(name)] = np.rint(255 * half.probabilities[:, column])
    return {"step": round(step, 3), "scores": base64.b64encode(rows.tobytes()).decode()}
