"""How videos and their labels find each other, by one rule for every command.

A game is the folder of halves named as SoccerNet names them, else a video by itself. A video and its
labels find each other by the last parts of their paths: the last three, or as many as there are.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath

from comedian.errors import InputError, some_of
from comedian.formats.actions import Action
from comedian.formats.games import FRAMES_SUFFIXES, VIDEO_SUFFIXES, read_list
from comedian.formats.labels import read_label_sets, read_labels
from comedian.formats.soccernet import GAME_PARTS, LABELS_NAME, is_numbered, soccernet_game

EXPECTED = f"expected GAME/{LABELS_NAME}"
Parts = tuple[str, ...]  # folders and name of a game
Places = dict[Parts, Path | list[Action]]  # games, and their labels or where those are


class Labels:
    """The labels of some videos, by game.

    Attributes:
        games: path of each game, in parts.
    """

    def __init__(self, videos: Iterable[str], labels: Path | None = None, games: Path | None = None):
        """Look for labels; none is read yet, but a file for several videos.

        Args:
            videos: paths or names of videos, or of what was made from them.
            labels: a folder of `<game>/Labels-v2.json` or `<video>.json`, or one labels file; None looks
                beside each video, or beside the list.
            games: a list of the games that count; None is all.

        Raises:
            InputError: there are no labels, or none for a video (where they must lie beside it) or for a
                listed game.
        """
        self.given = labels
        self._places = _places(list(videos), labels, games)

    @property
    def games(self) -> list[Parts]:
        """The games that have labels, in order."""
        return list(self._places)

    def game_of(self, *names: str) -> Parts | None:
        """The game of a video, which may go by several names; None if it has no labels here.

        Raises:
            InputError: two games' labels fit equally well.
        """
        return _find([key for name in names for key in _keys_of(name)], self._places)

    def of(self, game: Parts) -> list[Action]:
        """The labelled actions of a game."""
        place = self._places[game]
        return place if isinstance(place, list) else read_labels(place)

    def missing(self, videos: list[str]) -> InputError:
        """What to raise where videos have no labels."""
        return InputError(f"no labels for {some_of(videos)}", self.given, EXPECTED)


def labels_beside(video: str | Path) -> Path | None:
    """The labels file of a video: `<video>.json` (own form), else `Labels-v2.json` in its folder."""
    video = Path(video)
    for candidate in (Path(f"{video}.json"), video.with_suffix(".json"), video.parent / LABELS_NAME):
        if candidate.is_file():
            return candidate
    return None


def _places(videos: list[str], labels: Path | None, games: Path | None) -> Places:
    for given in (labels, games):
        if given is not None and not given.exists():
            raise InputError("no such file or folder", given, "check the path")
    if labels is not None:
        everything = _in_folder(labels, videos) if labels.is_dir() else _in_file(labels, videos)
        return everything if games is None else _only_listed(everything, labels, games)
    if games is not None:
        return {
            _parts(_stem(name)): _beside_listed(games.parent / name, games) for name in read_list(games)
        }
    return dict(map(_beside, videos))


def _in_folder(folder: Path, videos: list[str]) -> Places:
    """SoccerNet's files; and where a video has none of those, `<video>.json` or `<game>.json`."""
    official = sorted(folder.rglob(LABELS_NAME))
    found: Places = {_parts(file.parent.relative_to(folder), folder): file for file in official}
    if all(_find(_keys_of(video), found) for video in videos) and found:
        return found
    files = [file for file in sorted(folder.rglob("*.json")) if file.name != LABELS_NAME]
    others: Places = {
        _parts(_stem(file.relative_to(folder).with_suffix("")), folder): file for file in files
    }
    if not found and not others:
        raise InputError("holds no labels", folder, f"{EXPECTED} or <video>.json")
    if not found:
        return others
    wanted = {_find(_keys_of(video), others) for video in videos if not _find(_keys_of(video), found)}
    return found | {key: others[key] for key in others if key in wanted}


def _in_file(file: Path, videos: list[str]) -> Places:
    sets = read_label_sets(file)
    if set(sets) - {""}:
        return {_parts(_stem(video)): actions for video, actions in sets.items() if video}
    games = {soccernet_game(video) for video in videos}
    if len(games) > 1:
        what = f"holds labels of one game, there are videos of {some_of(sorted(games))}"
        raise InputError(what, file, "give a folder of labels, or videos of one game")
    return {_parts(game): file for game in games}


def _only_listed(everything: Places, labels: Path, games: Path) -> Places:
    chosen = {}
    for name in read_list(games):
        key = _find(_keys_of(name), everything)
        if key is None:
            raise InputError(f"game {name!r} has no labels in {labels}", games, EXPECTED)
        chosen[key] = everything[key]
    return chosen


def _beside_listed(place: Path, games: Path) -> Path:
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


def _find(keys: Iterable[Parts], places: Places) -> Parts | None:
    """The game of `places` that shares most of its path's end with the first of `keys` that fits."""
    for key in keys:
        shared = {other: number for other in places if (number := _shared(key, other))}
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
