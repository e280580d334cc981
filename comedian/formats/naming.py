"""Which game and half a file is, by its name: one rule for videos, frames, features, labels and spots.

league/season/GAME/1_224p.mkv    half 1 of league/season/GAME, as SoccerNet names it
league/season/GAME/1             the same, as E2E-Spot names it
GAME/half2_224p.mkv              half 2 of GAME
GAME/224p.mp4                    all of GAME, as SoccerNet Ball names it
clips/final.mkv                  all of clips/final
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

VIDEO_SUFFIXES = frozenset(  # what FFmpeg reads and people have; a playlist's segments would count twice
    (
        ".264 .265 .3g2 .3gp .amv .asf .avc .avi .dav .dif .divx .dv .dvr-ms .evo .f4v .flv .gif .gxf "
        ".h264 .h265 .hevc .ismv .ivf .m1v .m2p .m2t .m2ts .m2v .m4v .mj2 .mjpeg .mjpg .mk3d .mkv .mod "
        ".mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nsv .nut .obu .ogm .ogv .ps .qt .rec .rm .rmvb .tod "
        ".tp .trp .ts .ty .vob .vro .webm .wmv .wtv .xvid .y4m "
    ).split()
)
FRAMES_SUFFIXES = frozenset({".h5"})
HALVES = (1, 2)
LAST_HALF = HALVES[-1]
GAME_PARTS = 3  # SoccerNet names a game league/season/game

Parts = tuple[str, ...]  # folders and name of a game

_SUFFIXES = VIDEO_SUFFIXES | FRAMES_SUFFIXES | {".npy"}
_SIZE = r"\d{3,4}p"
_HALF = re.compile(
    rf"""([12])(?:_.*)?  |  ([3-9])_{_SIZE}.*  # more than two: extra time
    | half[ _-]?([1-9])(?:[ _.-].*)?
    | (?: (1st|first) | (2nd|second) )[ _-]?half(?:[ _.-].*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_WHOLE_GAME = re.compile(rf"{_SIZE}(?:_.*)?", re.IGNORECASE)


class Named(NamedTuple):
    """What a name says: the game, and its half; None where it says none."""

    game: Parts
    half: int | None


def named(path: str | Path) -> Named:
    """The game and half of a file; a file whose name says neither is a game by itself."""
    own = stem(path)
    if (half := _half(own.name)) or _WHOLE_GAME.fullmatch(own.name):
        return Named(parts(own.parent), half)
    return Named(parts(own), None)


def is_game_file(path: str | Path) -> bool:
    """Whether a file's name says that its folder is the game."""
    name = stem(path).name
    return bool(_half(name) or _WHOLE_GAME.fullmatch(name))


def half_number(path: str | Path, otherwise: int = 1) -> int:
    """The half a file holds, by its name; `otherwise` where that says none."""
    return _half(stem(path).name) or otherwise


def text_of(path: str | Path) -> str:
    """A path as text that any file of ours can hold: bytes that are no UTF-8 become such as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def stem(path: str | Path) -> PurePosixPath:
    """A path without the suffix of a video, of frames or features; other endings belong to the name."""
    found = PurePosixPath(str(path).replace("\\", "/"))
    return found.with_suffix("") if found.suffix.lower() in _SUFFIXES else found


def below(path: str | PurePosixPath) -> Parts:
    """The folders and name of a path, wherever it points to: without a root and steps up."""
    path = PurePosixPath(path)
    return tuple(part for part in path.parts if part not in (path.anchor, ".."))


def game_name(path: str | Path) -> str:
    """The game of a file as SoccerNet names it, by its last parts: `league/season/game`."""
    return "/".join(named(path).game[-GAME_PARTS:])


def parts(path: str | PurePosixPath) -> Parts:
    """The folders and name of a path, without its root; of the working folder where none is left."""
    return below(path) or Path(path).resolve().parts[1:]


def _half(name: str) -> int | None:
    match = _HALF.fullmatch(name)
    if match is None:
        return None
    number, later, word, first, _ = match.groups()
    return int(number or later or word or 0) or (1 if first else 2)
