"""How two files of spots, or of labels, differ: what only one has, and confidences that changed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from comedian.about.difference import Difference
from comedian.errors import some_of
from comedian.formats.actions import VISIBLE
from comedian.formats.clocks import clock
from comedian.formats.labels import read_label_sets
from comedian.formats.lookup import same_game
from comedian.formats.naming import half_number, named
from comedian.formats.soccernet import read_soccernet
from comedian.formats.spot import Spot
from comedian.formats.spots import read_spots_file

Key = tuple[Any, ...]


def spots(one: Path, other: Path) -> Iterator[Difference]:
    """Two files of spots, a line each."""
    yield from _of_spots(read_spots_file(one), read_spots_file(other))


def results(one: Path, other: Path) -> Iterator[Difference]:
    """Two files of SoccerNet's results."""
    yield from _of_spots(read_soccernet(one), read_soccernet(other))


def labels(one: Path, other: Path) -> Iterator[Difference]:
    """Two files of labels, whatever their forms."""
    left, right = map(_actions, (one, other))
    yield from _only("labels", left, _renamed(left, right))


def _of_spots(one: Iterable[Spot], other: Iterable[Spot]) -> Iterator[Difference]:
    left, right = _by_place(one), _by_place(other)
    right = _renamed(left, right)
    yield from _only("spots", left, right)
    changes = {key: right[key] - left[key] for key in left.keys() & right.keys() if right[key] != left[key]}
    if changes:
        key = max(changes, key=lambda place: abs(changes[place]))
        what = f"{changes[key]:+.6g}: {_place(key)}, {left[key]:.6g} -> {right[key]:.6g}"
        yield Difference("confidences that differ", value=len(changes))
        yield Difference("largest change of a confidence", value=what)


def _only(noun: str, one: dict[Key, Any], other: dict[Key, Any]) -> Iterator[Difference]:
    """How many are in both, and in one only, with some of those."""
    left, right = (sorted(some, key=str) for some in (one.keys() - other.keys(), other.keys() - one.keys()))
    if not left and not right:
        return
    yield Difference(f"{noun} in both", value=len(one.keys() & other.keys()))
    for place, keys in (("first", left), ("second", right)):
        if keys:
            shown = some_of([_place(key) for key in keys])
            yield Difference(f"{noun} only in the {place}", value=f"{len(keys)} ({shown})")


def _by_place(found: Iterable[Spot]) -> dict[Key, float]:
    """Confidences by video, half, position and label; the same place again is another spot."""
    seen: Counter = Counter()
    places: dict[Key, float] = {}
    for spot in found:
        key = spot["video"], spot["half"], spot["position_ms"], spot["label"]
        places[*key, seen[key]] = spot["confidence"]
        seen[key] += 1
    return places


def _actions(path: Path) -> dict[Key, str]:
    """Labels as `_by_place` keeps spots; their visibility belongs to what they are."""
    seen: Counter = Counter()
    places: dict[Key, str] = {}
    for video, actions in read_label_sets(path).items():
        for action in actions:
            label = (
                action.label if action.visibility == VISIBLE else f"{action.label} ({action.visibility})"
            )
            key = video, action.half, action.position_ms, label
            places[*key, seen[key]] = action.visibility
            seen[key] += 1
    return places


def _renamed(one: dict[Key, Any], other: dict[Key, Any]) -> dict[Key, Any]:
    """The other's entries under the names that the first has for the same videos."""
    known = dict.fromkeys(key[0] for key in one)
    names = {video: _alike(video, known) for video in dict.fromkeys(key[0] for key in other)}
    return {(names[key[0]], *key[1:]): value for key, value in other.items()}


def _alike(video: str, known: Iterable[str]) -> str:
    """The name among those known that means the same half of the same game, else the video's own."""
    known = list(known)
    if video in known or not video:
        return video
    game, half = named(video).game, half_number(video)
    for name in known:
        if name and half_number(name) == half and same_game(named(name).game, game):
            return name
    return video


def _place(key: Key) -> str:
    """Where and what an entry is, for people."""
    video, half, position_ms, label, *_ = key
    game = "/".join(named(video).game[-1:]) if video else ""
    return f"{label} at {half} - {clock(max(0, position_ms) / 1000)}{f' of {game}' if game else ''}"
