"""What can be spotted: videos, frames files, and saved scores in their place."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from comedian.errors import InputError
from comedian.formats.checkpoint import Geometry
from comedian.formats.frames import FramesFile
from comedian.formats.games import FRAMES_SUFFIXES, VIDEO_SUFFIXES, find_games
from comedian.formats.scores import HalfScores, ScoresFile, is_scores_file
from comedian.models.spotter import Spotter
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.ahead import ahead
from comedian.spotting.infer import Scores, join, score_stream
from comedian.video import probe, sample_frames

FRAMES_AHEAD = 256  # decoded frames that may wait for the network


@dataclass(frozen=True)
class Source:
    """One half to spot: its video's name, its half, and how to read its frames."""

    video: str
    half: int
    path: Path

    @property
    def is_frames_file(self) -> bool:
        """Whether the frames are already extracted."""
        return self.path.suffix.lower() in FRAMES_SUFFIXES

    def duration_seconds(self) -> float | None:
        """Length in seconds, None where the container does not tell."""
        return None if self.is_frames_file else probe(self.path).duration_seconds


def find_sources(
    sources: Iterable[str | Path], root: str | Path | None = None
) -> tuple[list[Source], list[ScoresFile]]:
    """Sort what was named into halves to spot and files of saved scores."""
    halves, saved = [], []
    for name in sources:
        if Path(name).suffix.lower() in FRAMES_SUFFIXES and is_scores_file(name):
            saved.append(ScoresFile(name))
        else:
            halves += _sources_of(name, root)
    return halves, saved


def score_source(
    source: Source,
    spotters: Sequence[Spotter],
    spot: SpotRecipe,
    device: torch.device,
    on_damage: Callable[[str], None] = lambda message: None,
) -> Iterator[Scores]:
    """Decode in the background and score one half, run by run of final scores.

    Raises:
        InputError: the file cannot be read, or a frames file differs from what the model was trained on.
    """
    frames = _frames(source, spotters[0].geometry, on_damage)
    return score_stream(ahead(frames, FRAMES_AHEAD), spotters, spot, device)


def score_video(
    path: str | Path, spotters: Sequence[Spotter], device: torch.device | str = "cpu"
) -> Scores:
    """All scores of one video or frames file, windows sliding as the first spotter was trained."""
    (source,) = _sources_of(path, None)
    return join(score_source(source, spotters, spotters[0].spot, torch.device(device)))


def average_saved(files: Sequence[ScoresFile]) -> Iterator[HalfScores]:
    """The halves of saved scores; a half that several files hold is averaged, as an ensemble."""
    found: dict[tuple[str, int], list[HalfScores]] = {}
    for file in files:
        if file.classes != files[0].classes:
            raise InputError(f"has other classes than {files[0].path}", file.path, "use scores of one kind")
        for half in file:
            found.setdefault((half.video, half.half), []).append(half)
    for (video, number), halves in found.items():
        if len({len(half.seconds) for half in halves}) > 1:
            raise InputError(f"scores of {video} differ in length", remedy="use scores of equal frames")
        mean = np.mean([half.probabilities for half in halves], axis=0, dtype=np.float32)
        yield HalfScores(video, number, halves[0].seconds, mean)


def _sources_of(name: str | Path, root: str | Path | None) -> list[Source]:
    path = Path(name)
    suffixes = FRAMES_SUFFIXES if path.suffix.lower() in FRAMES_SUFFIXES else VIDEO_SUFFIXES
    if path.is_dir() and not any(file.suffix.lower() in VIDEO_SUFFIXES for file in path.rglob("*")):
        suffixes = FRAMES_SUFFIXES
    games = find_games([path], suffixes, root)
    return [_source(half.path, half.number) for game in games for half in game.halves]


def _source(path: Path, number: int) -> Source:
    if path.suffix.lower() not in FRAMES_SUFFIXES:
        return Source(str(path), number, path)
    file = FramesFile(path)
    return Source(file.video, file.half, path)


def _frames(
    source: Source, geometry: Geometry, on_damage: Callable[[str], None]
) -> Iterator[tuple[float, np.ndarray]]:
    if not source.is_frames_file:
        size = (geometry.width, geometry.height)
        return sample_frames(
            source.path, fps=geometry.fps, size=size, sampling=geometry.sampling, on_damage=on_damage
        )
    file = FramesFile(source.path)
    found = Geometry(fps=file.fps, width=file.width, height=file.height, sampling=file.sampling)
    if found != geometry:
        raise InputError(f"holds frames of {found}, the model wants {geometry}", source.path)
    return stream_frames(file)


def stream_frames(file: FramesFile, chunk: int = 64) -> Iterator[tuple[float, np.ndarray]]:
    """All frames of a frames file in order, as (seconds, uint8 (H, W, 3))."""
    for start in range(0, len(file), chunk):
        indices = range(start, min(start + chunk, len(file)))
        yield from zip(file.seconds[indices.start : indices.stop].tolist(), file.read(indices), strict=True)
