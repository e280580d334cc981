"""What HDF5 files of ours say of themselves: frames, banks, scores, tokens."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from comedian.about.made import made
from comedian.formats import bank as banks
from comedian.formats import scores as saved
from comedian.formats.bank import BankTimes
from comedian.formats.frames import FramesFile
from comedian.formats.hdf5 import attribute, attributes_of, open_hdf5
from comedian.formats.scores import ScoresFile
from comedian.formats.tokens import TokensFile


def frames(path: Path) -> dict[str, Any]:
    """A frames file: its video, times and pictures."""
    file = FramesFile(path)
    period = file.period
    return {
        "video": file.video,
        "half": file.half,
        "video_start_ms": period.start_ms if period else None,
        "frames": len(file),
        "first_seconds": float(file.seconds[0]),
        "last_seconds": float(file.seconds[-1]),
        "fps": float(file.fps),
        "width": int(file.width),
        "height": int(file.height),
        "sampling": file.sampling,
        "encoding": file.encoding,
        "damage": file.damage,
        **made(file.provenance),
    }


def bank(path: Path) -> dict[str, Any]:
    """A bank: its rows, what they are of, and how they were made."""
    times = BankTimes(path)
    with open_hdf5(path, banks.KIND) as file:
        features, raw = file["features"], file["pca/mean"]
        shape, kind, width = features.shape, str(features.dtype), raw.shape[0]
        explained = float(np.sum(file["pca/explained"][()]))
    return {
        "teacher": times.teacher,
        "rows": int(shape[0]),
        "width": int(shape[1]),
        "features_width": int(width),
        "explained_variance": explained,
        "type": kind,
        "temperature": float(times.temperature_m),
        "neighbours": times.neighbours,
        "left_out": vars(times.left_out) if times.neighbours else {},
        "halves": [
            {"game": half.game, "half": half.half, "rows": half.count, "sha256": half.sha256}
            for half in times.halves
        ],
        **made(times.provenance),
    }


def scores(path: Path) -> dict[str, Any]:
    """A scores file: its classes, and the halves in it."""
    classes = ScoresFile(path).classes
    with open_hdf5(path, saved.KIND) as file:
        told = attribute(file, "provenance") if "provenance" in file.attrs else "{}"
        halves = [_scored(group, f"{path}, half {name}") for name, group in file.items()]
    return {"classes": list(classes), "halves": halves, **made(str(told))}


def tokens(path: Path) -> dict[str, Any]:
    """A tokens file: how many there are, and of what."""
    file = TokensFile(path)
    return {"tokens": len(file), "width": file.shape[1], "key": file.key}


def _scored(group: h5py.Group, place: str) -> dict[str, Any]:
    found = attributes_of(group, saved.Attributes, place, saved.KIND.maker)
    number, moved = int(group["seconds"].shape[0]), "offsets" in group
    return {"video": found.video, "half": found.half, "tokens": number, "offsets": moved}
