"""What can be spotted: videos, frames files, and saved scores in their place; and their frames.

Nothing here needs torch, so that decoding can begin before it is imported.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from comedian.errors import InputError
from comedian.formats.frames import FramesFile, Geometry
from comedian.formats.games import (
    FRAMES_SUFFIXES,
    VIDEO_SUFFIXES,
    Half,
    check_one,
    find_games,
    read_list,
    with_periods,
)
from comedian.formats.naming import text_of
from comedian.formats.periods import Period
from comedian.formats.scores import ScoresFile, is_scores_file
from comedian.video.parallel import sample_apart
from comedian.video.period import length_of
from comedian.video.sample import probe


@dataclass(frozen=True)
class Source:
    """One half to spot.

    Attributes:
        game: name of its game.
        video: name of the video, as spots carry it.
        path: the file to read.
        frames: the same file, open, if it holds extracted frames; None for a video.
        duration_seconds: None where the container does not tell.
        period: the part of the video that is the half, if it holds several.
    """

    video: str
    half: int
    path: Path
    frames: FramesFile | None
    duration_seconds: float | None
    game: str = ""
    period: Period | None = None


Skip = Callable[[InputError], None]


def find_sources(
    sources: Iterable[str | Path],
    root: str | Path | None = None,
    prefer: str | None = None,
    skip: Skip | None = None,
    periods: tuple[Period, ...] = (),
) -> tuple[list[Source], list[ScoresFile]]:
    """Sort what was named into halves to spot, or files of saved scores; every file is looked into.

    Args:
        sources: videos, frames files, folders and lists of either, or scores files.
        root: folder that a list's lines start from.
        prefer: ending, such as "224p", of the file to take where there are several for a half.
        skip: takes the error of a file that cannot be read, and the others go on; None raises it.
        periods: where those of the only video lie; else what stands beside a video counts.

    Raises:
        InputError: a file cannot be read, or scores and others are named together.
    """
    halves, saved, sources = [], [], list(sources)
    if periods:
        check_one(sources)
    for name in sources:
        if _is_frames(Path(name)) and is_scores_file(name):
            saved.append(ScoresFile(name))
        else:
            halves += halves_of(Path(name), root, prefer, skip, periods)
    if halves and saved:
        raise InputError("holds saved scores, others do not", saved[0].path, "spot one kind at a time")
    return halves, saved


def halves_of(
    path: Path,
    root: str | Path | None = None,
    prefer: str | None = None,
    skip: Skip | None = None,
    periods: tuple[Period, ...] = (),
) -> list[Source]:
    """The halves that a file, folder or list means; arguments and errors as of `find_sources`."""
    found = []
    games = find_games([path], suffixes := _suffixes_of(path, root), root, prefer)
    for game in with_periods(games, periods) if suffixes is VIDEO_SUFFIXES else games:
        for half in game.halves:
            try:
                found.append(_source(half, game.name))
            except InputError as error:
                if skip is None:
                    raise
                skip(error)
    return found


def frames_of(
    source: Source,
    geometry: Geometry,
    processes: int = 1,
    say: Callable[[str], None] = lambda message: None,
) -> Iterator[tuple[float, np.ndarray]]:
    """The frames of a half in order, as (seconds, uint8 (H, W, 3)); a video's as `geometry` says."""
    if source.frames is not None:
        return stream_frames(source.frames)
    return sample_apart(
        source.path,
        fps=geometry.fps,
        size=(geometry.width, geometry.height),
        sampling=geometry.sampling,
        on_damage=lambda message: say(f"{source.path}: {message}"),
        processes=processes,
        period=source.period,
    )


def stream_frames(file: FramesFile, chunk: int = 64) -> Iterator[tuple[float, np.ndarray]]:
    """All frames of a frames file in order, as (seconds, uint8 (H, W, 3))."""
    for start in range(0, len(file), chunk):
        indices = range(start, min(start + chunk, len(file)))
        yield from zip(file.seconds[indices.start : indices.stop].tolist(), file.read(indices), strict=True)


def check_frames(source: Source, geometry: Geometry) -> None:
    """Raise InputError if a frames file is not as the model wants it."""
    file = source.frames
    if file is None:
        return
    found = Geometry(fps=file.fps, width=file.width, height=file.height, sampling=file.sampling)
    if found != geometry:
        raise InputError(
            f"holds frames of {found}, the model wants {geometry}", source.path, "extract the frames alike"
        )


def _suffixes_of(path: Path, root: str | Path | None) -> frozenset[str]:
    """Whether a file, folder or list means frames files: where there is a video, it does not."""
    folders = [path] if path.is_dir() else []
    if path.suffix == ".txt" and path.is_file():
        folders = [(Path(root) if root else path.parent) / name for name in read_list(path)]
    files = [file for folder in folders for file in (folder.rglob("*") if folder.is_dir() else [folder])]
    files = files or [path]
    if any(file.suffix.lower() in VIDEO_SUFFIXES for file in files):
        return VIDEO_SUFFIXES
    return FRAMES_SUFFIXES if any(map(_is_frames, files)) else VIDEO_SUFFIXES


def _source(half: Half, game: str) -> Source:
    path, period = half.path, half.period
    if _is_frames(path):
        file = FramesFile(path)
        return Source(file.video, file.half, path, file, float(file.seconds[-1]), game, file.period)
    seconds = probe(path).duration_seconds
    seconds = length_of(period, seconds, path) if period else seconds
    return Source(text_of(path), half.number, path, None, seconds, game, period)


def _is_frames(path: Path) -> bool:
    return path.suffix.lower() in FRAMES_SUFFIXES
