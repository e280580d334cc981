"""What stands in a plan for files that are not made yet: frames, a bank, weights.

Letters: N frames of a half, M bank rows, K bank width.
"""

import math
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.frames import UNKNOWN_BYTES, FramesFile, Geometry, encoded
from comedian.formats.games import VIDEO_SUFFIXES, Half, find_games, with_periods
from comedian.formats.naming import text_of
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.bank import BankRecipe
from comedian.recipes.frames import FramesRecipe
from comedian.recipes.model import ModelRecipe
from comedian.video.period import length_of
from comedian.video.sample import can_enter, probe, sample_frames
from comedian.weights.start import Start

KEPT_FRAMES = 256  # of one video, which all halves repeat
DIFFERENT_ROWS = 4096  # of a bank, which repeat


class FramesToBe(FramesFile):
    """A half's frames before they are extracted: as many as its video lasts, repeating a few real ones."""

    def __init__(self, half: Half, recipe: FramesRecipe, kept: Sequence[bytes]):
        """Learn the length of a half; `kept` are JPEGs of `recipe`.

        Raises:
            InputError: the video cannot be read, or no header tells its length.
        """
        self.path, self.half, self.period = half.path, half.number, half.period
        self.video = text_of(os.path.abspath(half.path))
        self.fps, (self.width, self.height) = recipe.fps, recipe.size
        sampling: Any = recipe.sampling
        self.encoding, self.sampling = "jpeg", sampling
        self.video_bytes, self.damage, self.provenance = UNKNOWN_BYTES, "", "{}"
        seconds = probe(half.path).duration_seconds
        seconds = length_of(half.period, seconds, half.path) if half.period else seconds
        if seconds is None:
            raise InputError("no header tells how long it lasts", half.path, "extract its frames first")
        self.seconds = np.arange(max(math.ceil(seconds * recipe.fps), 1)) / recipe.fps
        self._kept = kept

    def __copy__(self) -> "FramesToBe":
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def _decode(self, index: int, out: np.ndarray) -> None:
        simplejpeg.decode_jpeg(self._kept[index % len(self._kept)], buffer=out)


def halves_to_be(sources: Sequence[str], prefer: str | None = None) -> Halves:
    """The halves of games whose frames are not extracted yet: lists, folders or videos.

    Raises:
        InputError: a game has no video, or a video cannot be read.
    """
    games, recipe = with_periods(find_games(sources, VIDEO_SUFFIXES, None, prefer)), FramesRecipe()
    kept = _some_frames(games[0].halves[0], recipe)
    files: list[FramesFile] = [FramesToBe(half, recipe, kept) for game in games for half in game.halves]
    numbers = [number for number, game in enumerate(games) for _ in game.halves]
    return Halves(files, numbers, [game.name for game in games])


def _some_frames(half: Half, recipe: FramesRecipe) -> list[bytes]:
    """Frames of the middle of a video; InputError where there are none."""
    grid, seconds = (recipe.fps, recipe.sampling), probe(half.path).duration_seconds or 0.0
    middle = max(int(seconds * recipe.fps - KEPT_FRAMES) // 2, 0)
    first = middle if middle and can_enter(half.path, grid, middle) else 0
    how = (half.path, recipe.fps, recipe.size, recipe.sampling)
    frames = sample_frames(*how, on_damage=lambda message: None, slots=(first, math.inf))
    kept = [encoded(rgb, "jpeg", recipe.quality) for _, rgb in islice(frames, KEPT_FRAMES)]
    if not kept:
        raise InputError("no frame can be decoded", half.path, "get it again")
    return kept


class BankToBe(Bank):
    """A bank before it is made: a row a second of halves, of the usual width and type."""

    def __init__(self, path: Path, halves: Halves):
        self.path, recipe = path, BankRecipe()
        self._counts = [max(math.ceil(len(file) / file.fps), 1) for file in halves.files]
        self._names = [(halves.name_of(number), file.half) for number, file in enumerate(halves.files)]
        rows = np.random.default_rng(0).normal(size=(DIFFERENT_ROWS, recipe.dim))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(recipe.dtype)
        self.features = np.resize(rows, (sum(self._counts), recipe.dim))
        self.targets = self.features

    def nearest(self, game: str, half: int, seconds: np.ndarray) -> np.ndarray:
        """Rows of times in a half, int64."""
        number = self._names.index((game, half))
        return sum(self._counts[:number]) + np.minimum(seconds.astype(np.int64), self._counts[number] - 1)


class StartToBe(Start):
    """The weights of the step before, before there are any: random ones."""

    def __init__(self, text: str, distilled: bool):
        """`distilled` weights have a temporal transformer, too."""
        super().__init__(None)
        self.text, self._distilled = text, distilled

    @property
    def files(self) -> list[Path]:
        """None yet."""
        return []

    def spatial(self, model: ModelRecipe, geometry: Geometry):
        """As it is built."""
        return Start(None).spatial(model, geometry)

    def temporal(self, model: ModelRecipe, geometry: Geometry) -> TemporalTransformer | None:
        """As it is built."""
        return TemporalTransformer(model) if self._distilled else None
