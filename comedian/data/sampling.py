"""Which clips and windows an epoch sees.

A clip is a run of consecutive frames of one half, given as (half index, first frame).
Letters: n clips of an epoch.
"""

from collections.abc import Sequence

import numpy as np

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.frames import FramesFile


def draw_clips(
    sampler: str, halves: Halves, num_frames: int, per_game: int, rng: np.random.Generator
) -> np.ndarray:
    """Clips of an epoch, int64 (n, 2), as many in every epoch.

    Args:
        sampler: "stratified", "uniform", or "every-second", which takes all there are.
        per_game: clips of each game, shared by its halves; for the other two.

    Raises:
        InputError: a half is shorter than a clip.
    """
    if sampler == "every-second":
        return every_second(halves.files, num_frames)
    per_half = share_between_halves(halves.games, per_game)
    draw = {"stratified": stratified_windows, "uniform": uniform_windows}[sampler]
    return draw(halves.files, num_frames, per_half, rng)


def every_second(halves: Sequence[FramesFile], num_frames: int = 2) -> np.ndarray:
    """Clips that begin at the whole seconds of a half and end inside it (step 1), int64 (n, 2)."""
    clips = []
    for index, half in enumerate(halves):
        last = _last_start(half, num_frames)
        seconds = np.arange(int(len(half) / half.fps) + 1)
        starts = np.rint(seconds * half.fps).astype(np.int64)
        starts = starts[starts <= last]
        clips.append(np.stack([np.full_like(starts, index), starts], axis=1))
    return np.concatenate(clips)


def stratified_windows(
    halves: Sequence[FramesFile], num_frames: int, per_half: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """Windows whose starts fall one in each of equal stretches of a half (step 2), int64 (n, 2)."""
    return _windows(halves, num_frames, per_half, lambda last, count: _stratified(last, count, rng))


def uniform_windows(
    halves: Sequence[FramesFile], num_frames: int, per_half: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """Windows at uniform starts, the first and the last of each half always among them (step 3)."""

    def starts(last: int, count: int) -> np.ndarray:
        edges = np.array([0, last][:count])
        return np.concatenate([edges, rng.integers(0, last + 1, size=max(count - 2, 0))])

    return _windows(halves, num_frames, per_half, starts)


def share_between_halves(games: Sequence[int], per_game: int) -> list[int]:
    """Windows of each half when its game gets `per_game`; `games` names the game of each half."""
    counts = []
    for position, game in enumerate(games):
        halves, earlier = games.count(game), games[:position].count(game)
        counts.append(per_game * (earlier + 1) // halves - per_game * earlier // halves)
    return counts


def _windows(halves, num_frames: int, per_half: Sequence[int], starts) -> np.ndarray:
    windows = []
    for index, (half, count) in enumerate(zip(halves, per_half, strict=True)):
        last = _last_start(half, num_frames)
        first = starts(last, count).astype(np.int64)
        windows.append(np.stack([np.full_like(first, index), first], axis=1))
    return np.concatenate(windows)


def _last_start(half: FramesFile, num_frames: int) -> int:
    """First frame of a half's last clip; InputError if the half is shorter than a clip."""
    if len(half) < num_frames:
        raise InputError(
            f"has {len(half)} frames, a window needs {num_frames}",
            half.path,
            "leave it out or train with a smaller --set model.num_tokens",
        )
    return len(half) - num_frames


def _stratified(last: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """One uniform start in each of `count` equal stretches of 0…last."""
    return np.minimum((np.arange(count) + rng.random(count)) * (last + 1) / count, last)
