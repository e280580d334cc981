"""How videos and their labels find each other, by one rule for every command.

Which game a file is, its name says (`comedian.formats.naming`). A video and its labels find each other by
the last parts of their games' paths: the last three, or as many as there are.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from comedian.errors import InputError, some_of
from comedian.formats.actions import IN_FILE, Action, in_halves
from comedian.formats.games import read_list
from comedian.formats.labels import TEXT_SUFFIXES, read_label_sets
from comedian.formats.naming import GAME_PARTS, HALVES, Named, Parts, half_number, named, parts, stem
from comedian.formats.soccernet import soccernet_game
from comedian.formats.soccernet_labels import LABELS_NAME, LABELS_NAMES

EXPECTED = f"expected GAME/{LABELS_NAME}"
SUFFIXES = TEXT_SUFFIXES | {".json"}
BY_THE_ENDS = "name videos in it by the ends of their paths"
Places = dict[Parts, Path | list[Action]]  # games, and their labels or where those are


class Labels:
    """The labels of some videos, by game.

    Attributes:
        given: what was named as labels.
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
        self._index = _Index(self._places)

    @property
    def games(self) -> list[Parts]:
        """The games that have labels, in order."""
        return list(self._places)

    def files(self, videos: Iterable[str] | None = None) -> list[Path]:
        """The files that the labels of some videos are read from, or of all games."""
        games = self._places if videos is None else {self.game_of(video) for video in videos} - {None}
        found = [place for game, place in self._places.items() if game in games and isinstance(place, Path)]
        return found if self.given is None or self.given.is_dir() else [self.given, *found]

    def game_of(self, *names: str) -> Parts | None:
        """The game of a video, which may go by several names; None if it has no labels here.

        Raises:
            InputError: two games' labels fit equally well.
        """
        return self._index.find(key for name in names for key in _keys_of(name))

    def of(self, game: Parts) -> list[Action]:
        """The labelled actions of a game, of all its halves."""
        place = self._places[game]
        return place if isinstance(place, list) else _of_game(place, game)

    def missing(self, videos: list[str]) -> InputError:
        """What to raise where videos have no labels."""
        what = f"no labels for {some_of(videos)}"
        if self.given is None or self.given.is_dir():
            return InputError(what, self.given, f"{EXPECTED} or <video>.json, or name one labels file")
        named_in_it = some_of(["/".join(game) for game in self.games])
        return InputError(f"{what}; it is for {named_in_it}", self.given, BY_THE_ENDS)


def check_half_known(video: str, halves: Iterable[int], actions: Iterable[Action]) -> None:
    """Refuse labels of two halves for a video of one, whose name does not say which.

    Args:
        halves: those of the video's spots or frames.

    Raises:
        InputError: that is so.
    """
    labelled = {action.half for action in actions} & set(HALVES)
    if named(video).half is None and len(set(halves)) < len(labelled):
        raise InputError(
            "its labels are of two halves, its name does not say which it is",
            video,
            "name halves 1_….mkv and 2_….mkv, or give it labels of its own, all of half 1",
        )


def official_below(folder: Path) -> list[Path]:
    """SoccerNet's labels files in a folder and the folders in it."""
    return [file for name in LABELS_NAMES for file in sorted(folder.rglob(name))]


def labels_beside(video: str | Path) -> Path | None:
    """The labels file of a video: `<video>.json`, else SoccerNet's in its folder."""
    video = Path(video)
    for name in dict.fromkeys((video.name, stem(video.name).name)):
        candidate = video.parent / f"{name}.json"
        if candidate.is_file():
            return candidate
    return _official_in(video.parent)


def _official_in(folder: Path) -> Path | None:
    """SoccerNet's labels file in a folder; InputError where there are two."""
    found = [folder / name for name in LABELS_NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise InputError(f"holds {' and '.join(LABELS_NAMES)}", folder, "name one with --labels FILE")
    return found[0] if found else None


def _places(videos: list[str], labels: Path | None, games: Path | None) -> Places:
    for given in (labels, games):
        if given is not None and not given.exists():
            raise InputError("no such file or folder", given, "check the path")
    if labels is not None:
        everything = _in_folder(labels, videos) if labels.is_dir() else _in_file(labels, videos)
        return everything if games is None else _only_listed(everything, labels, games)
    if games is not None:
        return {named(name).game: _beside_listed(games.parent / name, games) for name in read_list(games)}
    return dict(map(_beside, videos))


def _in_folder(folder: Path, videos: list[str]) -> Places:
    """SoccerNet's files; and where a video has none of those, `<video>.json`, `<game>.json`, `.csv` …"""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    folders = dict.fromkeys(file.parent for file in files if file.name in LABELS_NAMES)
    found: Places = {_below(inner, folder): file for inner in folders if (file := _official_in(inner))}
    index = _Index(found)
    homeless = [video for video in videos if not index.find(_keys_of(video))]
    if found and not homeless:
        return found
    others: Places = dict(_by_name(files, folder))
    if not found and not others:
        raise InputError("holds no labels", folder, f"{EXPECTED} or <video>.json")
    if not found:
        return others
    index = _Index(others)
    wanted = {index.find(_keys_of(video)) for video in homeless}
    return found | {key: others[key] for key in others if key in wanted}


def _by_name(files: Iterable[Path], folder: Path) -> Iterator[tuple[Parts, Path]]:
    """Labels files of single videos by the names of those; InputError where two are of one video."""
    taken: dict[Parts, Path] = {}
    for file in files:
        if file.name not in LABELS_NAMES:
            key = _below(file.with_name(stem(file.stem).name), folder)
            if (other := taken.setdefault(key, file)) != file and file.suffix != other.suffix:
                raise InputError(f"is of one video with {other.name}", file, "take one of them away")
            yield key, file


def _below(path: Path, folder: Path) -> Parts:
    """A path from a folder on; the folder's own where it is that."""
    return path.relative_to(folder).parts or folder.resolve().parts[1:]


def _in_file(file: Path, videos: list[str]) -> Places:
    sets = read_label_sets(file)
    if set(sets) - {""}:
        return dict(_by_game(sets, file))
    games = {soccernet_game(video) for video in videos}
    if len(games) > 1:
        what = f"holds labels of one game, there are videos of {some_of(sorted(games))}"
        raise InputError(what, file, "give a folder of labels, or videos of one game")
    return {parts(game): file for game in games}


def _of_game(file: Path, game: Parts) -> list[Action]:
    """The actions of a game from the file found for it, which may be for other videos, too."""
    sets = read_label_sets(file)
    if not set(sets) - {""}:
        actions = sets.get("", [])
        _check_own(file, actions)
        return in_halves(actions, {half_number(file.stem): 0}) if half_number(file.stem, 0) else actions
    found = _by_game(sets, file)
    key = _Index(found).find([game, game[:-1]])
    if key is None:
        what = f"names {some_of(sorted(sets))}, not {'/'.join(game[-GAME_PARTS:])}"
        raise InputError(what, file, BY_THE_ENDS)
    return found[key]


def _check_own(file: Path, actions: list[Action]) -> None:
    """Refuse labels of another half than the file's name says, as that of `2_224p.mkv.json` does."""
    own = half_number(file.stem, 0)
    if other := {action.half for action in actions} - {own, IN_FILE} if own else ():
        what = f"is of half {own} by its name, and holds labels of half {min(other)}"
        raise InputError(what, file, f"write half {own} in it")


def _by_game(sets: dict[str, list[Action]], file: Path) -> dict[Parts, list[Action]]:
    """Actions by game, from actions by video.

    Raises:
        InputError: two videos are the same half of a game, or some actions name no video.
    """
    if "" in sets:
        raise InputError("names a video for some actions only", file, "name one for all, or for none")
    found: dict[Parts, list[Action]] = {}
    owner: dict[tuple[Parts, int | None], str] = {}
    for video, actions in sets.items():
        place = named(video) if stem(video).parent.name else Named(parts(stem(video)), None)
        if (other := owner.setdefault(place, video)) != video:
            raise InputError(f"{other} and {video} are the same half of a game", file, "keep one of them")
        found.setdefault(place.game, []).extend(actions)
    return found


def _only_listed(everything: Places, labels: Path, games: Path) -> Places:
    chosen, index = {}, _Index(everything)
    for name in read_list(games):
        key = index.find(_keys_of(name))
        if key is None:
            raise InputError(f"game {name!r} has no labels in {labels}", games, EXPECTED)
        chosen[key] = everything[key]
    return chosen


def _beside_listed(place: Path, games: Path) -> Path:
    path = _official_in(place) if place.is_dir() else labels_beside(place)
    if path is None:
        raise InputError(f"there are no labels at {place}", games, "name their folder with --labels")
    return path


def _beside(video: str) -> tuple[Parts, Path]:
    path = labels_beside(video)
    if path is None:
        remedy = f"put {LABELS_NAME} or <video>.json there, or name labels with --labels"
        raise InputError("has no labels beside it", video, remedy)
    return parts(stem(video).parent if path.name in LABELS_NAMES else stem(video)), path


def same_game(one: Parts, other: Parts) -> bool:
    """Whether two paths of games end alike: in three parts, or in all that the shorter has."""
    return _shared(_loosely(one), _loosely(other)) > 0


class _Index:
    """Some games, by the last part of their paths."""

    def __init__(self, games: Iterable[Parts]):
        self._groups: dict[Callable[[Parts], Parts], dict[str, list[Parts]]] = {_exactly: {}, _loosely: {}}
        for form, group in self._groups.items():
            for game in filter(None, games):
                group.setdefault(form(game)[-1], []).append(game)

    def find(self, keys: Iterable[Parts]) -> Parts | None:
        """The game that shares most of its path's end with the first of `keys` that fits.

        What differs only in underscores for blanks, as some tools write them, or in the form of Unicode
        fits where nothing else does.

        Raises:
            InputError: two games fit equally well.
        """
        keys = [key for key in keys if key]
        found = (self._best(key, form) for form in self._groups for key in keys)
        return next(filter(None, found), None)

    def _best(self, key: Parts, form: Callable[[Parts], Parts]) -> Parts | None:
        games = self._groups[form].get(form(key)[-1], [])
        shared = {game: number for game in games if (number := _shared(form(key), form(game)))}
        most = max(shared.values(), default=0)
        best = [game for game, number in shared.items() if number == most]
        if len(best) > 1:
            what = f"{'/'.join(key)} fits the labels of {some_of(['/'.join(game) for game in best])}"
            raise InputError(what, None, "keep more of the path in the name of the video")
        return best[0] if best else None


def _exactly(path: Parts) -> Parts:
    return path


def _loosely(path: Parts) -> Parts:
    return tuple(unicodedata.normalize("NFC", part).replace("_", " ") for part in path)


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
    own = stem(video)
    return [parts(own), parts(own.parent)]
