"""Which spots and which labels belong to one game."""

from collections.abc import Iterable
from pathlib import Path
from sys import intern

from comedian.errors import InputError, some_of
from comedian.evaluation.cells import GameResult
from comedian.formats.actions import Action
from comedian.formats.lookup import Labels, Parts
from comedian.formats.spot import HalfSpot, Spot

Videos = dict[str, list[HalfSpot]]  # spots by video


def collect(spots: Iterable[Spot], games: Iterable[str] = ()) -> Videos:
    """Spots by video, only what scoring needs; `games` are there even when they have none."""
    videos: Videos = {f"{game}/1": [] for game in games}
    for spot in spots:
        label = intern(spot["label"])  # a few texts for millions of spots
        small = HalfSpot(
            half=spot["half"], position_ms=spot["position_ms"], label=label, confidence=spot["confidence"]
        )
        videos.setdefault(spot["video"], []).append(small)
    return videos


def pair(
    videos: Videos, labels: Path | None = None, games: Path | None = None
) -> tuple[list[GameResult], list[str]]:
    """Bring the spots of each video together with its game's labels.

    Args:
        videos: spots by video, from `collect`.
        labels: a folder of `<game>/Labels-v2.json` or `<video>.json`, or one labels file; None looks
            beside each video, or beside the list.
        games: a list of games; those without a spot are there too, and other games are left out.

    Returns:
        the games, and remarks about what was left out.

    Raises:
        InputError: no labels for a video or a listed game, or two videos hold the same half.
    """
    known = Labels(videos, labels, games)
    found: dict[Parts, list[str]] = {}
    homeless = []
    for video in videos:
        game = known.game_of(video)
        found.setdefault(game, []).append(video) if game else homeless.append(video)
    if homeless and games is None:
        raise known.missing(homeless)
    if not found and games is None:
        raise InputError("there is nothing to score", None, "give spots")
    chosen = known.games if games is not None else list(found)
    remarks = [f"not in {games}, left out: {some_of(homeless)}"] if homeless else []
    if idle := len(known.games) - len(chosen):
        remarks.append(f"{idle} games of {labels} have no spot, left out; --games counts them as missed")
    return [_result(game, known.of(game), found.get(game, []), videos) for game in chosen], remarks


def _result(game: Parts, actions: list[Action], names: list[str], videos: Videos) -> GameResult:
    owner: dict[int, str] = {}
    for name in names:
        for half in {spot["half"] for spot in videos[name]}:
            if (other := owner.setdefault(half, name)) != name:
                raise InputError(f"{other} and {name} both hold half {half}", None, "give one of them")
    return GameResult("/".join(game), actions, [spot for name in names for spot in videos[name]])
