"""Games: where their halves lie.

A game is a folder with files that are named as its halves (`1_224p.mkv`, `half2.h5`; the rule is in
`comedian.formats.naming`), or a single file, which is its own only half; so is each file of a folder in
which none is named like that.
A list is a text file that names one game a line; names may hold spaces.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from comedian.errors import InputError
from comedian.formats.naming import (
    FRAMES_SUFFIXES,
    LAST_HALF,
    VIDEO_SUFFIXES,
    half_number,
    is_game_file,
    stem,
    text_of,
)
from comedian.formats.periods import SUFFIX, Period, periods_beside
from comedian.formats.text import read_lines

_BESIDE = (  # endings of files that lie beside videos, and are none
    ".ass .bup .csv .db .docx .html .idx .ifo .ini .jpeg .jpg .json .jsonl .log .m3u8 .md .mp3 .nfo "
    ".npy .npz .part .pdf .png .resume .safetensors .srt .sub .thm .toml .tsv .txt .url .vtt .wav .webp "
    ".xlsx .xml .yaml .yml .zip "
)
COMPANIONS = FRAMES_SUFFIXES | {"", *_BESIDE.split()}


@dataclass(frozen=True)
class Half:
    """One half of a game: its file, its `number`, and the `period` of the file that it is, if not all."""

    path: Path
    number: int
    period: Period | None = None


@dataclass(frozen=True)
class Game:
    """A game's `name` (its path inside its data set, `/`-separated) and its halves in order.

    `folder` tells a game folder from a file that is its own only half.
    """

    name: str
    halves: tuple[Half, ...]
    folder: bool = True


def files_of(games: Iterable[Game]) -> list[Path]:
    """The files of all halves."""
    return [half.path for game in games for half in game.halves]


def with_periods(games: Iterable[Game], given: tuple[Period, ...] = ()) -> list[Game]:
    """Games in which a video that holds several periods is a half for each.

    Args:
        given: the periods of the only video; else those that stand beside a video count.

    Raises:
        InputError: periods are given for several videos, or one's name says already which half it is.
    """
    games = list(games)
    if given:
        check_one(files_of(games))
    return [
        replace(game, halves=tuple(part for half in game.halves for part in _split(half, given)))
        for game in games
    ]


def check_one(videos: Sequence[str | Path]) -> None:
    """Raise InputError unless periods that were given speak of one video."""
    if len(videos) > 1:
        what = f"tells where periods lie in one video, there are {len(videos)}"
        raise InputError(what, "--half", f"write them beside each, into {Path(videos[0]).name}{SUFFIX}")


def _split(half: Half, given: tuple[Period, ...]) -> list[Half]:
    periods = given or periods_beside(half.path)
    if periods and half_number(half.path, 0):
        what = f"is half {half.number} by its name, and has periods"
        raise InputError(what, half.path, "rename it, or take the periods away")
    return [Half(half.path, period.number, period) for period in periods] or [half]


def left_out(sources: Iterable[str | Path], taken: Iterable[Path]) -> dict[Path, list[str]]:
    """What named folders hold beside the files that are `taken` and might be meant: of each, names in it.

    Those are videos beside numbered halves, and files of a kind that is not known.
    """
    taken, found = set(taken), {}
    for folder in {Path(source) for source in sources if Path(source).is_dir()}:
        files = (path for path in sorted(folder.rglob("*")) if path not in taken and _might_be_meant(path))
        if names := [path.relative_to(folder).as_posix() for path in files]:
            found[folder] = names
    return found


def _might_be_meant(path: Path) -> bool:
    suffix = path.suffix.lower()
    if path.name.startswith(".") or suffix in COMPANIONS or not path.is_file():
        return False
    return suffix not in VIDEO_SUFFIXES or not is_game_file(path)


def read_list(path: str | Path) -> list[str]:
    """The game names of a list file, in order; blank lines and `#` comments are skipped."""
    lines = read_lines(path, "give a list of games, one a line")
    names = [line.replace("\\", "/").rstrip("/") for line in lines if not line.startswith("#")]
    if not any(names):
        raise InputError("names no game", path, "write one game's path a line")
    return list(filter(None, names))


def find_games(
    sources: Iterable[str | Path],
    suffixes: frozenset[str],
    root: str | Path | None = None,
    prefer: str | None = None,
) -> list[Game]:
    """Resolve files, folders and lists to games.

    Args:
        sources: each a file with one of `suffixes`, a folder (a game, or searched for games),
            or a `.txt` list of game folders.
        suffixes: which files count as halves, `VIDEO_SUFFIXES`, `FRAMES_SUFFIXES`, or endings of
            feature files such as `{".npy"}` or `{"baidu_soccer_embeddings.npy"}`.
        root: folder that a list's lines start from; the list's own folder when None.
        prefer: ending, such as "224p", of the one to take where a folder holds several files for a half.

    Raises:
        InputError: a source or a listed game does not exist, holds no half, or several files for one.
    """
    games: list[Game] = []
    for source in map(Path, sources):
        if source.suffix == ".txt" and source.is_file():
            base = Path(root) if root is not None else source.parent
            for name in read_list(source):
                games += listed_games(base / name, name, suffixes, source, prefer)
        elif source.is_dir():
            games += _games_under(source, suffixes, prefer)
        elif not source.exists():
            raise InputError("no such file or folder", source, "check the path")
        elif suffixes is not VIDEO_SUFFIXES and not _has_suffix(source, suffixes):
            raise InputError(f"is not a {_kind(suffixes)}", source, _remedy(suffixes))
        else:
            games.append(_single(source, source.stem))
    if not games:
        raise InputError("no game was given", None, "name a file, a folder or a list")
    return games


def listed_games(
    path: Path, name: str, suffixes: frozenset[str], source: Path, prefer: str | None = None
) -> list[Game]:
    """The games of one line of a list: `name`, which lies at `path`; arguments and errors as `find_games`.

    Args:
        source: the list, for messages.
    """
    games = _games_in(path, name, suffixes, prefer) if path.is_dir() else []
    games = games or _listed_file(path, name, suffixes)
    if not games:
        raise InputError(f"game {name!r} has no {_kind(suffixes)} in {path}", source, "check --root")
    return games


def _listed_file(path: Path, name: str, suffixes: frozenset[str]) -> list[Game]:
    """The game of a single file, `clips/a`; `clips/a.mkv` names it too, also where `a.h5` is asked for."""
    ending = Path(name).suffix
    if ending.lower() in VIDEO_SUFFIXES | FRAMES_SUFFIXES:
        name, path = name.removesuffix(ending), path.with_suffix("")
    files = [path.with_name(f"{path.name}{suffix}") for suffix in (ending, *sorted(suffixes))]
    found = [file for file in files if file.is_file() and _has_suffix(file, suffixes)]
    return [_single(file, name) for file in found[:1]]


def _games_under(folder: Path, suffixes: frozenset[str], prefer: str | None) -> list[Game]:
    if _numbered_in(folder, suffixes):
        return _games_in(folder, folder.resolve().name, suffixes, prefer)
    games = []
    for path in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]:
        name = path.relative_to(folder).as_posix()
        games += _games_in(path, "" if name == "." else name, suffixes, prefer)
    if not games:
        raise InputError(f"holds no {_kind(suffixes)}", folder, "check the path")
    return games


def _games_in(folder: Path, name: str, suffixes: frozenset[str], prefer: str | None) -> list[Game]:
    """The game of a folder, named `name`; where no file has SoccerNet's names, each is its own game."""
    if numbered := _numbered_in(folder, suffixes):
        chosen = {number: _only(paths, suffixes, prefer) for number, paths in sorted(numbered.items())}
        return [Game(text_of(name), tuple(Half(path, number) for number, path in chosen.items()))]
    inside = f"{name}/" if name else ""
    loose = _files_in(folder, suffixes)
    return [_single(path, f"{inside}{path.stem}") for path in loose]


def _single(path: Path, name: str) -> Game:
    """A game of one file."""
    return Game(text_of(name), (Half(path, _known_half(path)),), folder=False)


def _numbered_in(folder: Path, suffixes: frozenset[str]) -> dict[int, list[Path]]:
    """The files named as halves, by half; of a folder of `1.mkv`, `2.mkv`, `3.mkv` none is."""
    files = _files_in(folder, suffixes)
    if any(re.fullmatch(r"0|[3-9]|\d\d+", stem(path).name) for path in files):
        return {}
    numbered: dict[int, list[Path]] = {}
    for path in filter(is_game_file, files):
        numbered.setdefault(_known_half(path), []).append(path)
    others = [path for path in files if re.match(r"[03-9]_", path.name) and not is_game_file(path)]
    if numbered and others:
        _refuse_period(others[0])
    return numbered


def _known_half(path: Path) -> int:
    """The half of a file; InputError where its name says a third period or later."""
    if half_number(path) > LAST_HALF:
        _refuse_period(path)
    return half_number(path)


def _refuse_period(path: Path) -> None:
    what = "is named as a period other than the halves 1 and 2"
    raise InputError(what, path, "move it elsewhere, or name it otherwise if it is none")


def _files_in(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if _has_suffix(path, suffixes))
    return [path for path in files if path.is_file() and not path.name.startswith(".")]


def _only(paths: list[Path], suffixes: frozenset[str], prefer: str | None) -> Path:
    """The file of a half; of several, the one whose name (less its suffix) ends in `prefer`."""
    preferred = [path for path in paths if prefer and path.stem.endswith(prefer)]
    chosen = preferred if len(paths) > 1 else paths
    if len(chosen) != 1:
        names = ", ".join(path.name for path in paths)
        raise InputError(
            f"holds several files for one half: {names}",
            paths[0].parent,
            f"name the one you want, or say which, as in {_example(paths[-1], suffixes)}",
        )
    return chosen[0]


def _example(path: Path, suffixes: frozenset[str]) -> str:
    """An option that chooses a file among others of its half."""
    if suffixes in (VIDEO_SUFFIXES, FRAMES_SUFFIXES):
        return "--prefer 224p"
    return f"--features-name {path.name.partition('_')[2]}"


def _has_suffix(path: Path, suffixes: frozenset[str]) -> bool:
    return path.name.lower().endswith(tuple(suffixes))


def _kind(suffixes: frozenset[str]) -> str:
    if suffixes is VIDEO_SUFFIXES:
        return "video"
    return "frames file" if suffixes is FRAMES_SUFFIXES else f"feature file ({', '.join(sorted(suffixes))})"


def _remedy(suffixes: frozenset[str]) -> str:
    if suffixes is FRAMES_SUFFIXES:
        return "make one with extract-frames"
    return "give .npy files; frames need a --teacher"
