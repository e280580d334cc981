"""The scores file (HDF5): raw probabilities of every token, so that NMS and ensembles need no network.

One group per half, numbered in order: `probabilities` float32 (L, C), `seconds` float64 (L), of a
spotter that tells times to actions `offsets` float32 (L, C) in seconds (since version 2), and the
attributes `video`, `half` and, of a file that holds several, `video_start_ms`. The root carries the
classes. Letters: L tokens of a half, C classes.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from comedian.errors import InputError
from comedian.formats.hdf5 import Kind, attribute, attributes_of, kind_of, new_hdf5, open_hdf5, read_array
from comedian.recipes.model import check_classes
from comedian.recipes.ranges import HalfNumber, Number
from comedian.recipes.schema import checked, made

KIND = Kind("scores file", "comedian scores", 2, "spot --scores")
WITHOUT_OFFSETS = replace(KIND, version=1)  # older versions read those, too
GROUP_BYTES = 1 << 13  # more than HDF5 takes for a group of ours


@dataclass(frozen=True)
class Scores:
    """Scores of consecutive tokens of one half.

    Attributes:
        video, half: which half, as spots carry it.
        seconds: (L,) float64, token times: the mean of a tubelet's frame times.
        probabilities: (L, C) float32.
        video_start_ms: where the half begins in its file, if that holds several.
        offsets: (L, C) float32 seconds from each token to the action of each class, where the spotter
            tells them.
    """

    video: str
    half: int
    seconds: np.ndarray
    probabilities: np.ndarray
    video_start_ms: int | None = None
    offsets: np.ndarray | None = None


def write_scores(
    path: str | Path, halves: Sequence[Scores], classes: Sequence[str], provenance: str
) -> None:
    """Write a scores file, whole or not at all."""
    num_bytes = sum(half.seconds.nbytes + 2 * half.probabilities.nbytes + GROUP_BYTES for half in halves)
    moved = any(half.offsets is not None for half in halves)
    with new_hdf5(path, KIND if moved else WITHOUT_OFFSETS, num_bytes) as file:
        file.attrs.update(classes=json.dumps(list(classes)), provenance=provenance)
        for number, half in enumerate(halves):
            group = file.create_group(f"{number:05d}")
            group.attrs.update(video=half.video, half=half.half)
            if half.video_start_ms is not None:
                group.attrs["video_start_ms"] = half.video_start_ms
            group["seconds"] = half.seconds
            group["probabilities"] = half.probabilities
            if half.offsets is not None:
                group["offsets"] = half.offsets


def is_scores_file(path: str | Path) -> bool:
    """Whether a file is an HDF5 file that says it holds scores."""
    return kind_of(path) == KIND.format


@dataclass(frozen=True)
class Attributes:
    """What the group of a half carries."""

    video: str
    half: HalfNumber
    video_start_ms: Number | None = None


class ScoresFile:
    """A scores file, read half by half.

    Attributes:
        classes: names in the order of the probabilities' columns.

    Raises:
        InputError: missing, not ours, cut short, of a newer version, or a half lacks something.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with open_hdf5(path, KIND) as file:
            self.classes = _classes(file, path)
            for name, group in file.items():
                _check_half(group, f"{path}, half {name}", len(self.classes))

    def __iter__(self) -> Iterator[Scores]:
        with open_hdf5(self.path, KIND) as file:
            for group in file.values():
                place = f"{self.path}, half {Path(group.name).name}"
                found = attributes_of(group, Attributes, place, KIND.maker)
                seconds = read_array(group, "seconds", (None,), "f")
                shape = len(seconds), len(self.classes)
                probabilities = read_array(group, "probabilities", shape, "f")
                offsets = read_array(group, "offsets", shape, "f") if "offsets" in group else None
                _check_values("seconds", seconds, place)
                _check_values("probabilities", probabilities, place, 0, 1)
                if offsets is not None:
                    _check_values("offsets", offsets, place)
                start_ms = found.video_start_ms
                yield Scores(found.video, found.half, seconds, probabilities, start_ms, offsets)


def _classes(file: h5py.File, path: str | Path) -> tuple[str, ...]:
    remedy = f"make it again with {KIND.maker}"
    try:
        stored = json.loads(attribute(file, "classes"))
    except (ValueError, RecursionError):
        raise InputError("its classes are damaged", path, remedy) from None
    classes = checked("classes", stored, tuple[str, ...], path, remedy)
    made(lambda: check_classes(classes), path)
    return classes


def _check_values(
    name: str, values: np.ndarray, place: str, least: float = -math.inf, most: float = math.inf
) -> None:
    """Raise unless values are numbers, and within their range."""
    wrong = ~(np.isfinite(values) & (values >= least) & (values <= most))
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        what = f"row {row} of {name} holds {values[wrong][0]:g}"
        raise InputError(what, place, f"make it again with {KIND.maker}")


def _check_half(group: h5py.Group, place: str, num_classes: int) -> None:
    """Raise unless a half has all its parts, and they agree."""
    times, scores = group["seconds"].shape, group["probabilities"].shape
    if len(times) != 1 or scores != (*times, num_classes):
        what = f"has scores {scores} for times {times} and {num_classes} classes"
        raise InputError(what, place, f"make it again with {KIND.maker}")
    attributes_of(group, Attributes, place, KIND.maker)
