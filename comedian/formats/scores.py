"""The scores file (HDF5): raw probabilities of every token, so that NMS and ensembles need no network.

One group per half, numbered in order: `probabilities` float32 (L, C), `seconds` float64 (L), and the
attributes `video` and `half`. The root carries the classes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from comedian.errors import InputError
from comedian.formats.hdf5 import new_hdf5

FORMAT, VERSION = "comedian scores", 1
GROUP_BYTES = 1 << 13  # more than HDF5 takes for a group of ours


@dataclass(frozen=True)
class HalfScores:
    """Scores of one half: token times (L,) in seconds and probabilities (L, C)."""

    video: str
    half: int
    seconds: np.ndarray
    probabilities: np.ndarray


def write_scores(
    path: str | Path, halves: Sequence[HalfScores], classes: Sequence[str], provenance: str
) -> None:
    """Write a scores file, whole or not at all."""
    num_bytes = sum(half.seconds.nbytes + half.probabilities.nbytes + GROUP_BYTES for half in halves)
    with new_hdf5(path, num_bytes) as file:
        file.attrs.update(
            format=FORMAT, version=VERSION, classes=json.dumps(list(classes)), provenance=provenance
        )
        for number, half in enumerate(halves):
            group = file.create_group(f"{number:05d}")
            group.attrs.update(video=half.video, half=half.half)
            group["seconds"] = half.seconds
            group["probabilities"] = half.probabilities


def is_scores_file(path: str | Path) -> bool:
    """Whether a file is an HDF5 file that says it holds scores."""
    try:
        with h5py.File(path) as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


class ScoresFile:
    """A scores file, read half by half.

    Raises:
        InputError: missing, not ours, or cut short.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not is_scores_file(path):
            raise InputError("is not a whole scores file", path, "write one with spot --scores")
        with h5py.File(path) as file:
            if file.attrs["version"] > VERSION:
                raise InputError("was written by a newer version", path, "update comedian")
            self.classes = tuple(json.loads(file.attrs["classes"]))

    def __iter__(self) -> Iterator[HalfScores]:
        with h5py.File(self.path) as file:
            for group in file.values():
                attributes = group.attrs
                yield HalfScores(
                    str(attributes["video"]),
                    int(attributes["half"]),
                    group["seconds"][:],
                    group["probabilities"][:],
                )
