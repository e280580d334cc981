"""Frames files of a few grey frames."""

import numpy as np

from comedian.formats.frames import write_frames


def make_half(path, num_frames, fps=2.0, size=(16, 8), sampling="screen"):
    """A raw frames file whose frame k is filled with k."""
    frames = ((k / fps, np.full((size[1], size[0], 3), k % 256, np.uint8)) for k in range(num_frames))
    options = {
        "encoding": "raw",
        "video": f"{path}.mkv",
        "half": 1,
        "sampling": sampling,
        "provenance": "{}",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_frames(path, frames, fps=fps, size=size, **options)
