"""How the arrays of two files differ."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from comedian.about.difference import Difference
from comedian.formats import bank as banks
from comedian.formats.features import open_features
from comedian.formats.frames import FramesFile
from comedian.formats.hdf5 import open_hdf5
from comedian.formats.scores import Scores, ScoresFile

ROWS = 1 << 14  # of an array, at once
BANK_ARRAYS = ("features", "targets", "seconds", "pca/mean", "pca/scale", "pca/components")


def frames(one: Path, other: Path) -> Iterator[Difference]:
    """Pictures, decoded, and their times."""
    left, right = FramesFile(one), FramesFile(other)
    if left.seconds.shape != right.seconds.shape or (left.width, left.height) != (
        right.width,
        right.height,
    ):
        return
    yield from _largest("seconds", left.seconds, right.seconds)
    apart = [reach(left.read([number]), right.read([number])) for number in range(len(left))]
    if changed := sum(value > 0 for value in apart):
        yield Difference("pictures that differ", value=changed)
        yield Difference("largest difference of a pixel", value=int(max(apart)))


def bank(one: Path, other: Path) -> Iterator[Difference]:
    """The arrays of two banks."""
    with open_hdf5(one, banks.KIND) as left, open_hdf5(other, banks.KIND) as right:
        for name in BANK_ARRAYS:
            yield from _largest(name, left[name], right[name])


def features(one: Path, other: Path) -> Iterator[Difference]:
    """Two feature files."""
    yield from _largest("rows", open_features(one), open_features(other))


def scores(one: Path, other: Path) -> Iterator[Difference]:
    """The probabilities of halves that are in both."""
    left, right = _halves(one), _halves(other)
    for key in left.keys() & right.keys():
        where = f"half {key[1]} of {key[0]}"
        yield from _largest(f"seconds of {where}", left[key].seconds, right[key].seconds)
        yield from _largest(f"probabilities of {where}", left[key].probabilities, right[key].probabilities)
        if left[key].offsets is not None and right[key].offsets is not None:
            yield from _largest(f"offsets of {where}", left[key].offsets, right[key].offsets)


def _largest(name: str, one: Any, other: Any) -> Iterator[Difference]:
    """The largest difference of two arrays, a part of which is in memory at a time."""
    if one.shape != other.shape:
        yield Difference(f"shape of {name}", list(one.shape), list(other.shape))
        return
    starts = range(0, len(one), ROWS)
    apart = max(
        (reach(one[start : start + ROWS], other[start : start + ROWS]) for start in starts), default=0
    )
    if apart:
        yield Difference(f"largest difference of {name}", value=float(apart))


def reach(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference; infinite where only one is a number."""
    left, right = np.asarray(one, np.float64), np.asarray(other, np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.atleast_1d(np.abs(left - right))
    apart[(left == right) | (np.isnan(left) & np.isnan(right))] = 0
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0))


def _halves(path: Path) -> dict[tuple[str, int], Scores]:
    return {(half.video, half.half): half for half in ScoresFile(path)}
