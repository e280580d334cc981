"""Which spots and which labels belong to one game.

A game is the folder of halves named as SoccerNet names them, else a video by itself. A video and its
labels find each other by the last parts of their paths: the last three, or as many as there are.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath
from sys import intern

from comedian.errors import InputError
from comedian.evaluation.cells import GameResult
from comedian.evaluation.remarks import some_of
from comedian.formats.games import FRAMES_SUFFIXES, LABELS_NAME, VIDEO_SUFFIXES, labels_beside, read_list
from comedian.formats.labels import Action, read_label_sets, read_labels
from comedian.formats.soccernet import GAME_PARTS, is_numbered, soccernet_game

Parts = tuple[str, ...]  # folders and name of a game
Videos = dict[str, list[dict]]  # spots by video
Index = dict[Parts, Path | list[Action]]  # games, and their labels or where those are


def collect(spots: Iterable[dict], games: Iterable[str] = ()) -> Videos:
    """Spots by video, only what scoring needs; `games` are there even when they have none."""
    videos: Videos = {f"{game}/1": [] for game in games}
    for spot in spots:
        small = {key: spot[key] for key in ("half", "position_ms", "confidence")}
        videos.setdefault(spot["video"], []).append(small | {"label": intern(spot["label"])})
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
        remarks.append(f"{idle} games of {labels} have no spot, left out; --games counts them as missed")
    return [_result(key, index[key], found.get(key, []), videos) for key in chosen], remarks


def _index(videos: Iterable[str], labels: Path | None, games: Path | None) -> Index:
    """Games and where their labels are."""
    for given in (labels, games):
        if given is not None and not given.exists():
            raise InputError("no such file or folder", given, "check the path")
    if labels is not None:
        everything = _index_folder(labels) if labels.is_dir() else _index_file(labels, videos)
        return everything if games is None else _only_listed(everything, labels, games)
    if games is not None:
        return {_parts(_stem(name)): _listed(games.parent / name, games) for name in read_list(games)}
    return dict(_beside(video) for video in videos)


def _index_folder(folder: Path) -> Index:
    files = sorted(folder.rglob(LABELS_NAME))
    if files:
        return {_parts(file.parent.relative_to(folder), folder): file for file in files}
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise InputError("holds no labels", folder, f"expected GAME/{LABELS_NAME} or <video>.json")
    return {_parts(_stem(file.relative_to(folder).with_suffix("")), folder): file for file in files}


def _index_file(file: Path, videos: Iterable[str]) -> Index:
    sets = read_label_sets(file)
    if set(sets) - {""}:
        return {_parts(_stem(video)): actions for video, actions in sets.items() if video}
    games = {soccernet_game(video) for video in videos}
    if len(games) > 1:
        what = f"holds labels of one game, there are spots of {some_of(sorted(games))}"
        raise InputError(what, file, "give a folder of labels, or spots of one game")
    return {_parts(game): file for game in games}


def _only_listed(everything: Index, labels: Path, games: Path) -> Index:
    chosen = {}
    for name in read_list(games):
        key = _find(_keys_of(name), everything)
        if key is None:
            what = f"game {name!r} has no labels in {labels}"
            raise InputError(what, games, f"expected GAME/{LABELS_NAME}")
        chosen[key] = everything[key]
    return chosen


def _listed(place: Path, games: Path) -> Path:
    path = place / LABELS_NAME if place.is_dir() else labels_beside(place)
    if path is None or not path.is_file():
        raise InputError(f"there are no labels at {place}", games, "name their folder with --labels")
    return path


def _beside(video: str) -> tuple[Parts, Path]:
    path = labels_beside(video)
    if path is None:
        remedy = f"put {LABELS_NAME} or <video>.json there, or name labels with --labels"
        raise InputError("has no labels beside it", video, remedy)
    whole_game = path.name == LABELS_NAME and is_numbered(video)
    return _parts(PurePath(video).parent if whole_game else _stem(video)), path


def _result(key: Parts, source: Path | list[Action], names: list[str], videos: Videos) -> GameResult:
    owner: dict[int, str] = {}
    for name in names:
        for half in {spot["half"] for spot in videos[name]}:
            if (other := owner.setdefault(half, name)) != name:
                raise InputError(f"{other} and {name} both hold half {half}", None, "give one of them")
    actions = source if isinstance(source, list) else read_labels(source)
    return GameResult("/".join(key), actions, [spot for name in names for spot in videos[name]])


def _find(keys: Iterable[Parts], index: Index) -> Parts | None:
    """The game of `index` that shares most of its path's end with the first of `keys` that fits."""
    for key in keys:
        shared = {other: number for other in index if (number := _shared(key, other))}
        best = [other for other, number in shared.items() if number == max(shared.values())]
        if len(best) > 1:
            what = f"{'/'.join(key)} fits the labels of {some_of(['/'.join(other) for other in best])}"
            raise InputError(what, None, "keep more of the path in the name of the video")
        if best:
            return best[0]
    return None


def _shared(one: Parts, other: Parts) -> int:
    """How many last parts agree; 0 if fewer than three, or than the shorter of both has."""
    number = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        number += 1
    return number if number >= min(GAME_PARTS, len(one), len(other)) else 0


def _keys_of(video: str) -> list[Parts]:
    """What a video may be known as: itself, or the folder it lies in."""
    return [_parts(_stem(video)), _parts(PurePath(video).parent)]


def _stem(video: str | PurePath) -> PurePath:
    path = PurePath(video)
    return path.with_suffix("") if path.suffix.lower() in VIDEO_SUFFIXES | FRAMES_SUFFIXES else path


def _parts(path: str | PurePath, here: Path = Path()) -> Parts:
    """The folders and name of a path; of `here` when the path is empty."""
    parts = tuple(part for part in PurePath(path).parts if part not in (PurePath(path).anchor, ".."))
    return parts or here.resolve().parts[1:]
