"""What can be spotted: videos, frames files, and saved scores in their place."""

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from comedian import distributed
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
from comedian.formats.scores import Scores, ScoresFile, is_scores_file
from comedian.models.exported import ExportedSpotter
from comedian.models.spotter import Spotter
from comedian.progress import Report, silent
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.merge import Said, averaged
from comedian.spotting.prefetch import ahead
from comedian.spotting.shard import in_order
from comedian.spotting.sliding import are_alike, join, score_stream
from comedian.video.parallel import cores, sample_apart
from comedian.video.period import length_of
from comedian.video.sample import probe
from comedian.weights.load import load_spotter

FRAMES_AHEAD = 256  # decoded frames that may wait for the network


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
            halves += _sources_of(Path(name), root, prefer, skip, periods)
    if halves and saved:
        raise InputError("holds saved scores, others do not", saved[0].path, "spot one kind at a time")
    return halves, saved


def load_ensemble(paths: Sequence[str | Path]) -> list[Spotter]:
    """The spotters of some weights files; InputError unless they see the same frames and name the same
    classes.
    """
    spotters = [load_spotter(path) for path in paths]
    for path, spotter in zip(paths, spotters, strict=True):
        if not are_alike(spotters[0], spotter):
            raise InputError(
                f"has other classes or frames than {paths[0]}", path, "ensemble models of one kind"
            )
    return spotters


def score_sources(
    sources: Sequence[Source],
    spotters: Sequence[Spotter],
    spot: SpotRecipe,
    device: torch.device,
    report: Report = silent,
    say: Callable[[str], None] = lambda message: None,
    skip: Skip | None = None,
) -> Generator[Scores, None, None]:
    """Score halves one after the other; yield runs of final scores, several a half, in time order.

    Several processes share the halves: the first one yields the scores of all, the others nothing.

    Args:
        spotters: several are averaged.
        report: moves a progress bar (task, seconds done, seconds in all).
        say: takes one line about each damaged video.
        skip: takes the error of a video that cannot be decoded, and the others go on; None raises it.

    Raises:
        InputError: a video cannot be decoded, or frames differ from what the model was trained on (that
            is looked at before anything is scored).
    """
    for source in sources:
        check_frames(source, spotters[0].trained_on)
    device = _device_for(spotters, device, say)

    def work(number: int) -> Iterator[Scores | str | InputError]:
        """Scores of a half, and after them what is to be said of it if somebody else is to say it."""
        remarks: list[str] = []
        hear = remarks.append if distributed.rank() else say
        try:
            yield from score_source(sources[number], spotters, spot, device, hear)
        except InputError as error:
            if skip is None:
                raise
            yield error
        yield from remarks

    for number, items in enumerate(in_order(len(sources), work)):
        source = sources[number]
        task = f"{number + 1}/{len(sources)} {source.path.name}"
        for item in items:
            if isinstance(item, str):
                say(item)
                continue
            if isinstance(item, InputError):
                skip(item) if skip else None
                continue
            report(task, item.seconds[-1], source.duration_seconds)
            yield item
        report(task, 1.0, 1.0)


def score_source(
    source: Source,
    spotters: Sequence[Spotter],
    spot: SpotRecipe,
    device: torch.device,
    say: Callable[[str], None] = lambda message: None,
) -> Iterator[Scores]:
    """Decode in the background and score one half, run by run of final scores."""
    frames = frames_of(source, spotters[0].trained_on, device, say)
    waiting, start_ms = ahead(frames, FRAMES_AHEAD), source.period and source.period.start_ms
    return score_stream(waiting, spotters, spot, device, source.video, source.half, start_ms)


def frames_of(
    source: Source,
    geometry: Geometry,
    device: torch.device,
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
        processes=_decoders(device),
        period=source.period,
    )


def score_video(
    path: str | Path, spotters: Sequence[Spotter], device: torch.device | str = "cpu"
) -> Scores:
    """All scores of one video or frames file, windows sliding as the first spotter was trained.

    Raises:
        InputError: it is none, or holds several periods.
    """
    if Path(path).is_dir():
        raise InputError("is a folder", path, "name one video or frames file")
    source, *others = _sources_of(Path(path))
    if others:
        raise InputError(f"holds {1 + len(others)} periods", path, "score it with score_sources")
    check_frames(source, spotters[0].trained_on)
    device = _device_for(spotters, torch.device(device), warnings.warn)
    return join(score_source(source, spotters, spotters[0].spot, device))


def average_saved(files: Sequence[ScoresFile]) -> Generator[Scores, None, None]:
    """The halves of saved scores; a half that several files hold is averaged, as an ensemble.

    Of several processes only the first one has anything to do.
    """
    if distributed.rank():
        return
    found: dict[tuple[str, int], list[Scores]] = {}
    for file in files:
        if file.classes != files[0].classes:
            raise InputError(f"has other classes than {files[0].path}", file.path, "use scores of one kind")
        for half in file:
            found.setdefault((half.video, half.half), []).append(half)
    for (video, number), halves in found.items():
        if any(not np.array_equal(half.seconds, halves[0].seconds) for half in halves):
            raise InputError(f"scores of {video} are of other times", remedy="use scores of equal frames")
        said = averaged([Said(half.probabilities, half.offsets) for half in halves])
        first = halves[0]
        yield Scores(video, number, first.seconds, said.probabilities, first.video_start_ms, said.offsets)


def join_halves(runs: Iterable[Scores]) -> list[Scores]:
    """Consecutive runs of each half as one."""
    return [join(parts) for _, parts in groupby(runs, key=lambda run: (run.video, run.half))]


def stream_frames(file: FramesFile, chunk: int = 64) -> Iterator[tuple[float, np.ndarray]]:
    """All frames of a frames file in order, as (seconds, uint8 (H, W, 3))."""
    for start in range(0, len(file), chunk):
        indices = range(start, min(start + chunk, len(file)))
        yield from zip(file.seconds[indices.start : indices.stop].tolist(), file.read(indices), strict=True)


def _device_for(
    spotters: Sequence[Spotter], device: torch.device, say: Callable[[str], None]
) -> torch.device:
    """The device, or the CPU where a spotter runs nowhere else."""
    if device.type == "cpu" or not any(isinstance(spotter, ExportedSpotter) for spotter in spotters):
        return device
    say(f"an ONNX model runs on the CPU, {device} is not used")
    return torch.device("cpu")


def _decoders(device: torch.device) -> int:
    """Processes that decode a video: one keeps ahead of a network on the CPU, a GPU waits for all."""
    return max(1, cores() // distributed.world_size()) if device.type == "cuda" else 1


def _sources_of(
    path: Path,
    root: str | Path | None = None,
    prefer: str | None = None,
    skip: Skip | None = None,
    periods: tuple[Period, ...] = (),
) -> list[Source]:
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
