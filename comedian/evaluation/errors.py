"""What became of each spot and of each label, as the official matching sees it.

Of a label there is one line, "hit" or "miss"; of a spot that is no hit one of four others:

    duplicate     a label of its class is near, and another spot has it
    wrong class   a label of another class is near
    wrong place   a missed label of its class is within `PLACE_SECONDS`; the surest such spot alone
    false alarm   none of these

Near is what the official score takes for a match: within half the tolerance, counted in frames.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from comedian.evaluation.cells import Arrays, Cells, GameResult
from comedian.evaluation.metrics import match_pairs
from comedian.formats.actions import Action
from comedian.formats.naming import named, stem
from comedian.formats.periods import VIDEO_MS, starts_ms
from comedian.formats.spot import Spot

KINDS = ("hit", "miss", "duplicate", "wrong class", "wrong place", "false alarm")
PLACE_SECONDS = 30.0  # either way: half of the loosest official tolerance

Line = dict[str, Any]


@dataclass
class _Label:
    """A label that counts, by its frame."""

    frame: int
    action: Action
    hit: bool = False
    claimed: bool = False


def list_errors(
    games: Iterable[GameResult], classes: Sequence[str], tolerance_seconds: int, framerate: int = 2
) -> Iterator[Spot]:
    """Yield a line for every label and spot that counts, in order of game, half and time.

    Args:
        games: from `pairing.pair`, of spots that `pairing.collect` took in whole.
        tolerance_seconds: full width, as in `metrics.METRICS`.

    Yields:
        spots with `error` (one of `KINDS`); and, but for false alarms, `label_ms`, the place of the label,
        and `offset_ms`, how much later the spot is; of a wrong class also `true_label`. A miss is a spot at
        the label's place, of its class, with confidence 0 and the label's `visibility`.
    """
    for game in games:
        lines = _lines_of(game, Cells(classes, framerate), tolerance_seconds * framerate // 2)
        yield from cast(list[Spot], sorted(lines, key=lambda line: (line["half"], line["position_ms"])))


def _lines_of(game: GameResult, cells: Cells, reach: int) -> Iterator[Line]:
    spots = [spot for spot in game.spots if spot["confidence"] >= 0]
    labels = _placed(cells, ((action.half, action.label, action.position_ms) for action in game.actions))
    places = _placed(cells, ((spot["half"], spot["label"], spot["position_ms"]) for spot in spots))
    known = {
        key: _Label(key % cells.stride, game.actions[number]) for key, number in sorted(labels.items())
    }
    keys = np.array(sorted(places), np.int64)
    confidences = np.array([spots[places[key]]["confidence"] for key in keys.tolist()])
    taken, true = match_pairs(np.array(list(known), np.int64), Arrays(keys, confidences), reach)
    ordered = list(known.values())
    hits = {}
    for label, spot in zip(taken, true, strict=True):
        ordered[label].hit = True
        hits[places[int(keys[spot])]] = ordered[label]
    yield from (_beside(spots[number], "hit", label.action) for number, label in hits.items())
    others = [spot for number, spot in enumerate(spots) if number not in hits]
    yield from _of_others(others, ordered, cells, reach)
    videos = _Videos(game)
    yield from (videos.miss(label.action) for label in ordered if not label.hit)


def _placed(cells: Cells, entries: Iterable[tuple[int, str, float]]) -> dict[int, int]:
    """Number of the last entry of each cell; what doesn't count has none."""
    cells.values = {}
    for number, (half, label, position_ms) in enumerate(entries):
        cells.put(0, half, label, position_ms, number)
    return {key: int(number) for key, number in cells.values.items()}


def _of_others(spots: Sequence[Any], labels: Sequence[_Label], cells: Cells, reach: int) -> Iterator[Line]:
    """Lines of spots that hit nothing, the surest first."""
    by_half = {half: _by_frame(labels, half) for half in (1, 2)}
    far = round(PLACE_SECONDS * cells.framerate)
    for spot in sorted(spots, key=lambda spot: -spot["confidence"]):
        if spot["label"] not in cells.number or spot["half"] not in by_half:
            continue
        frame = cells.frame(spot["position_ms"])
        near = _within(by_half[spot["half"]], frame, reach)
        own = [label for label in near if label.action.label == spot["label"]]
        if own or near:
            best = (
                own[0] if own else min(near, key=lambda label: label.hit)
            )  # a missed one, else the nearest
            yield _beside(spot, "duplicate" if own else "wrong class", best.action)
            continue
        wide = _within(by_half[spot["half"]], frame, far)
        free = [
            label
            for label in wide
            if label.action.label == spot["label"] and not label.hit and not label.claimed
        ]
        if free:
            free[0].claimed = True
            yield _beside(spot, "wrong place", free[0].action)
        else:
            yield {**spot, "error": "false alarm"}


def _by_frame(labels: Iterable[_Label], half: int) -> list[_Label]:
    return sorted((label for label in labels if label.action.half == half), key=lambda label: label.frame)


def _within(labels: Sequence[_Label], frame: int, reach: int) -> list[_Label]:
    """The labels of a half within reach of a frame, the nearest first."""
    first = bisect_left(labels, frame - reach, key=lambda label: label.frame)
    last = bisect_left(labels, frame + reach + 1, key=lambda label: label.frame)
    return sorted(labels[first:last], key=lambda label: abs(label.frame - frame))


def _beside(spot: Any, error: str, action: Action) -> Line:
    line = {**spot, "error": error, "label_ms": action.position_ms}
    line["offset_ms"] = spot["position_ms"] - action.position_ms
    if action.label != spot["label"]:
        line["true_label"] = action.label
    return line


class _Videos:
    """Which video the halves of a game are, by its spots."""

    def __init__(self, game: GameResult):
        self.of = {half: video for video in game.videos if (half := named(video).half)}
        self.whole = next((video for video in game.videos if named(video).half is None), None)
        folders = [str(stem(video).parent) for video in self.of.values()]
        self.folder = folders[0] if folders else game.name
        self.starts_ms = starts_ms(game.spots)

    def miss(self, action: Action) -> Line:
        """The line of a label that no spot hits."""
        half, position_ms = action.half, action.position_ms
        line: Line = {
            "video": self.of.get(half) or self.whole or f"{self.folder}/{half}",
            "half": half,
            "position_ms": position_ms,
            "label": action.label,
            "confidence": 0,
        }
        if half in self.starts_ms:
            line[VIDEO_MS] = self.starts_ms[half] + position_ms
        return line | {"error": "miss", "label_ms": position_ms, "visibility": action.visibility}
