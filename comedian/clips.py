"""Which clips and windows an epoch sees, and batches of their decoded frames.

A clip is a run of consecutive frames of one half, given as (half index, first frame).
Letters: B clips of a batch, T frames of a clip, N frames of a half.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import torch

from comedian.errors import InputError
from comedian.formats.checkpoint import Geometry
from comedian.formats.frames import FramesFile
from comedian.formats.games import Game


@dataclass(frozen=True)
class Halves:
    """The halves a stage trains on.

    Attributes:
        files: one frames file a half.
        games: number of the game each half belongs to.
        names: name of each game.
    """

    files: list[FramesFile]
    games: list[int]
    names: list[str]

    @classmethod
    def open(cls, games: Sequence[Game]) -> "Halves":
        """Open all frames files of some games; they must have equal geometry."""
        files = [FramesFile(half.path) for game in games for half in game.halves]
        numbers = [number for number, game in enumerate(games) for _ in game.halves]
        _check_alike(files)
        return cls(files, numbers, [game.name for game in games])

    @property
    def geometry(self) -> Geometry:
        """What all the frames have in common."""
        return _geometry(self.files[0])

    def name_of(self, half: int) -> str:
        """Name of the game that a half belongs to."""
        return self.names[self.games[half]]

    def steps(self, num_clips: int, batch_size: int) -> int:
        """Whole batches in an epoch of `num_clips` clips; InputError if there is none."""
        if num_clips < batch_size:
            raise InputError(
                f"{len(self.files)} halves give {num_clips} clips an epoch, a batch needs {batch_size}",
                remedy="lower --batch-size or add games",
            )
        return num_clips // batch_size


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


class ClipLoader:
    """Decodes batches of clips ahead of their use, on a pool of threads, into two reused buffers."""

    def __init__(self, halves: Sequence[FramesFile], num_frames: int, workers: int, pin: bool = False):
        """`workers` threads decode JPEG; `pin` keeps the buffers in page-locked memory (CUDA)."""
        self.halves, self.num_frames, self.pin = halves, num_frames, pin
        self.pool = ThreadPoolExecutor(max(workers, 1))
        self._buffers: list[torch.Tensor] = []  # kept from epoch to epoch: their pages cost time

    def batches(self, batches: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield uint8 (B, T, H, W, 3) for each array of clips (B, 2).

        A yielded tensor is overwritten when the next one is asked for: copy what must live longer. The
        buffers serve one such iteration after the other, not two at once.
        """
        buffers = self._ready(min(2, len(batches)), max(map(len, batches)))
        decoding = deque([self._submit(batches[0], buffers[0])])
        try:
            for number, clips in enumerate(batches):
                if number + 1 < len(batches):
                    decoding.append(self._submit(batches[number + 1], buffers[(number + 1) % 2]))
                for future in decoding[0]:
                    future.result()
                decoding.popleft()
                yield buffers[number % 2][: len(clips)]
        finally:  # nothing may write into the buffers any more
            left = [future for futures in decoding for future in futures if not future.cancel()]
            wait(left)

    def close(self) -> None:
        """Stop the threads; what is not begun is dropped."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, clips: np.ndarray, buffer: torch.Tensor) -> list[Future]:
        pixels = buffer.numpy()
        return [
            self.pool.submit(self._decode, int(half), int(start), pixels[row])
            for row, (half, start) in enumerate(clips)
        ]

    def _decode(self, half: int, start: int, out: np.ndarray) -> None:
        self.halves[half].read(range(start, start + self.num_frames), out=out)

    def _ready(self, count: int, size: int) -> list[torch.Tensor]:
        """So many buffers for at least `size` clips each."""
        if len(self._buffers) < count or len(self._buffers[0]) < size:
            shape = (size, self.num_frames, self.halves[0].height, self.halves[0].width, 3)
            self._buffers = [
                torch.empty(shape, dtype=torch.uint8, pin_memory=self.pin) for _ in range(count)
            ]
        return self._buffers


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


def _check_alike(halves: Sequence[FramesFile]) -> None:
    first = _geometry(halves[0])
    for half in halves:
        if _geometry(half) != first:
            what = f"holds frames of {_geometry(half)}, {halves[0].path} of {first}"
            raise InputError(what, half.path, "extract all games alike")


def _geometry(half: FramesFile) -> Geometry:
    return Geometry(fps=half.fps, width=half.width, height=half.height, sampling=half.sampling)
