"""Which spots and which labels belong to one game.

A game is the folder of halves named as SoccerNet names them, else a video by itself. A video and its
labels find each other by the last parts of their paths: the last three, or as many as there are.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath
from sys import intern

from comedian.errors import InputError
from comedian.formats.events import GAME_PARTS, is_numbered
from comedian.formats.games import LABELS_NAME, labels_beside, read_list
from comedian.formats.labels import Action
from comedian.spotting.metrics import GameResult, some_of

Parts = tuple[str, ...]


def collect(spots: Iterable[dict], games: Iterable[str] = ()) -> dict[str, list[dict]]:
    """Spots by video, only what scoring needs; `games` are there even when they have none."""
    videos: dict[str, list[dict]] = {f"{game}/1": [] for game in games}
    for spot in spots:
        small = {key: spot[key] for key in ("half", "position_ms", "confidence")}
        videos.setdefault(spot["video"], []).append(small | {"label": intern(spot["label"])})
    return videos


def pair(
    videos: dict[str, list[dict]], labels: Path | None = None, games: Path | None = None
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
    index = _index(videos, labels, games)
    found: dict[Parts, list[str]] = {}
    homeless = []
    for video in videos:
        key = _find(_keys_of(video), index)
        found.setdefault(key, []).append(video) if key else homeless.append(video)
    if homeless and games is None:
        raise InputError(f"no labels for {some_of(homeless)}", labels, f"expected GAME/{LABELS_NAME}")
    if not found and games is None:
        raise InputError("there is nothing to score", None, "give spots")
    chosen = list(index) if games is not None else list(found)
    remarks = [f"not in {games}, left out: {some_of(homeless)}"] if homeless else []
    if idle := len(index) - len(chosen):
        remarks.append(f"{idle} games of {labels} have no spot and are left out; --games counts them as missed")
    return [_result(key, index[key], found.get(key, []), videos) for key in chosen], remarks


def _index(videos: Iterable[str], labels: Path | None, games: Path | None) -> dict[Parts, Path | list[Action]]:
    """Games and where their labels are: a path, or the actions themselves."""
    if labels is None and games is None:
        return dict(_beside(video) for video in videos)
    if labels is None:
        return {_parts(name): _listed(games.parent / name, name, games) for name in read_list(games)}
    everything = _index_folder(labels) if labels.is_dir() else _index_file(labels, videos, games)
    if games is None:
        return everything
    chosen = {}
    for name in read_list(games):
        key = _find(_keys_of(name) + [_parts(name)], everything)
        if key is None:
            raise InputError(f"no labels for game {name!r} in {labels}", games, f"expected GAME/{LABELS_NAME}")
        chosen[key] = everything[key]
    return chosen


def _beside(video: str) -> tuple[Parts, Path]:
    path = labels_beside(video)
    if path is None:
        remedy = f"put {LABELS_NAME} or <video>.json there, or name labels with --labels"
        raise InputError("has no labels beside it", video, remedy)
    together = path.name == LABELS_NAME and is_numbered(video)
    return _parts(PurePath(video).parent if together else _stem(video)), path


def _listed(folder: Path, name: str, games: Path) -> Path:
    path = folder / LABELS_NAME if folder.is_dir() else labels_beside(folder)
    if path is None or not path.is_file():
        raise InputError(f"game {name!r} has no labels beside it", games, "name their folder with --labels")
    return path


def _index_folder(folder: Path) -> dict[Parts, Path]:
    root = _parts(folder.resolve())[-GAME_PARTS:]
    found: dict[Parts, Path] = {}
    for path in sorted(folder.rglob("*.json")):
        place = path.relative_to(folder)
        if path.name == LABELS_NAME:
            found[_parts(place.parent) or root] = path
    if found:
        return found | _index_single(folder)
    found = _index_single(folder)
    if not found:
        raise InputError("holds no labels", folder, f"expected GAME/{LABELS_NAME} or <video>.json")
    return found
