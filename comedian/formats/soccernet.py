"""SoccerNet's results: `results_spotting.json` in folders and zips."""

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import cast

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.formats.entries import confidence_in, read_entries, text_in, whole_in
from comedian.formats.naming import GAME_PARTS, half_number, named, stem
from comedian.formats.part import part_folder
from comedian.formats.spot import KEYS, Spot
from comedian.formats.spots import spots_files
from comedian.formats.text import decode, parse_json
from comedian.formats.zips import members_named

RESULTS_NAME = "results_spotting.json"
FORM = f"SoccerNet's {RESULTS_NAME}"
ZIP_MARK = b"PK\x03\x04"
REMEDY = "write it as SoccerNet does"
OURS = frozenset((*KEYS, "gameTime", "position"))  # others pass through
NAME_BYTES = 255  # of a file's or folder's name, in Linux' file systems


def is_soccernet(path: str | Path) -> bool:
    """Whether spots lie there in SoccerNet's form: a folder, a zip, or a `results_spotting.json`.

    A folder of `GAME.jsonl` is none.
    """
    path = Path(path)
    if not path.is_file():
        return path.is_dir() and not spots_files(path)
    with path.open("rb") as file:
        return path.name == RESULTS_NAME or path.suffix.lower() == ".zip" or file.read(4) == ZIP_MARK


def list_soccernet(path: str | Path) -> list[str]:
    """Paths of the games for which a folder, zip or file holds results, be they empty, in order."""
    return [game for game, *_ in _results_in(Path(path))]


def read_soccernet(path: str | Path) -> Iterator[Spot]:
    """Yield the spots of SoccerNet results, game by game, half 1 first, else in the order of the file.

    `video` is the game's path and the half: `results/england_epl/2014-2015/<game>/1`.

    Raises:
        InputError: nothing of the kind is there, or a file is not as SoccerNet lays it down.
    """
    for game, place, read in _results_in(Path(path)):
        predictions = _content(read(), place)["predictions"]
        spots = read_entries(predictions, partial(_from_prediction, game), f"{place}: prediction", FORM)
        yield from sorted(spots, key=itemgetter("half"))


def write_soccernet(spots: Iterable[Spot], target: str | Path, videos: Iterable[str] = ()) -> None:
    """Write spots as `<game>/results_spotting.json` into a folder, or into a zip for a name in .zip.

    The spots of a game must stand together; one game is held at a time. Nothing is written
    before all spots are read: then a zip is replaced, in a folder one game's file after the other, each
    whole.

    Args:
        videos: looked at after the spots; games of these that have no spot get an empty list.

    Raises:
        InputError: spots of a game come back after another game, two videos hold one half of a game, or a
            video names no game.
    """
    with _open_target(Path(target)) as write:
        done: set[str] = set()
        for game, some in groupby(spots, key=lambda spot: soccernet_game(spot["video"])):
            if game in done:
                raise InputError(f"spots of {game} come back after another game", remedy="sort the lines")
            done.add(game)
            write(f"{game}/{RESULTS_NAME}", _record(game, some))
        for game in sorted(set(map(soccernet_game, videos)) - done):
            write(f"{game}/{RESULTS_NAME}", _record(game, ()))


def _record(game: str, spots: Iterable[Spot]) -> str:
    """The text of a game's file."""
    predictions: list[dict] = []
    owner: dict[str, str] = {}
    for spot in spots:
        predictions.append(_to_prediction(spot))
        half, video = predictions[-1]["half"], spot["video"]
        if (other := owner.setdefault(half, video)) != video:
            raise InputError(
                f"{other} and {video} both hold half {half} of {game}", None, "give one of them"
            )
    return json.dumps({"UrlLocal": game, "predictions": predictions}, indent=4, ensure_ascii=False)


def soccernet_game(video: str) -> str:
    """The game a video belongs to, by its name, as SoccerNet writes it: `league/season/game`.

    `data/england_epl/2014-2015/G/1_224p.mkv` -> `england_epl/2014-2015/G`; `clips/final.mkv` ->
    `clips/final`.

    Raises:
        InputError: no folder can have that name.
    """
    game = named(video).game[-GAME_PARTS:]
    if not game or stem(video).name in ("", "..") or any(map(_is_no_name, game)):
        raise InputError(f"{video!r} names no game", None, "name videos by folder and file")
    return "/".join(game)


def _is_no_name(part: str) -> bool:
    return part in ("", ".", "..") or "\0" in part or len(os.fsencode(part)) > NAME_BYTES


def _results_in(path: Path) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Yield each game, where its results lie, and a function that reads them."""
    if path.is_file() and path.name != RESULTS_NAME:
        yield from _results_in_zip(path)
        return
    files = sorted(path.rglob(RESULTS_NAME)) if path.is_dir() else [path]
    if not files:
        raise InputError(f"holds no {RESULTS_NAME}", path, "check the path")
    for file in files:
        yield file.parent.as_posix(), str(file), file.read_bytes


def _results_in_zip(path: Path) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    empty = True
    for place, read in members_named(path, RESULTS_NAME):
        empty, where = False, f"{path}/{place}"
        game = place.parent.as_posix() if place.parent.name else _own_name(read(), where)
        yield game, where, read
    if empty:
        raise InputError(f"holds no {RESULTS_NAME}", path, "check the zip")


def _own_name(data: bytes, place: str) -> str:
    """The game that results at the top of a zip say they are of."""
    name = _content(data, place).get("UrlLocal")
    if not isinstance(name, str) or not name.strip("/"):
        raise InputError("lies in no folder and says no game", place, "put it into league/season/GAME")
    return name.replace("\\", "/").strip("/")


def _content(data: bytes, place: str) -> dict:
    content = parse_json(decode(data, place, REMEDY), place, REMEDY)
    if not isinstance(content, dict) or not isinstance(content.get("predictions"), list):
        raise InputError('has no list of "predictions"', place, REMEDY)
    return content


def _from_prediction(game: str, item: dict) -> Spot:
    half = whole_in(item, "half")
    spot = Spot(
        video=f"{game}/{half}",
        half=half,
        position_ms=whole_in(item, "position"),
        label=text_in(item, "label"),
        confidence=confidence_in(item),
    )
    more = {key: value for key, value in item.items() if key not in OURS}
    return cast(Spot, spot | more)


def _to_prediction(spot: Spot) -> dict:
    half, position_ms = half_number(spot["video"], spot["half"]), int(spot["position_ms"])
    minutes, seconds = divmod(position_ms // 1000, 60)
    return {
        "gameTime": f"{half} - {minutes}:{seconds}",
        "label": spot["label"],
        "position": str(position_ms),
        "half": str(half),
        "confidence": repr(float(spot["confidence"])),
    } | {key: value for key, value in spot.items() if key not in OURS}


@contextmanager
def _open_target(target: Path):
    """Yield `write(name, text)` for files in a zip or folder; a folder gets them at the end, each whole."""
    if target.suffix.lower() == ".zip":
        with atomic_path(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            yield archive.writestr
        return
    if target.exists() and not target.is_dir():
        raise InputError("is a file", target, "name a folder or a .zip")
    with part_folder(Path(os.path.realpath(target))) as part:
        yield lambda name, text: _write_text(part / name, text)
        for file in sorted(part.rglob(RESULTS_NAME)):
            goal = target / file.relative_to(part)
            goal.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, goal)


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
