"""Single pictures of a video at given times."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from comedian.video.sample import probe, sample_frames, sample_stretch

FPS = 10.0  # times are met to half of a tenth of a second


def stills(path: str | Path, seconds: Iterable[float], height: int) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds as given, picture) for each time within a video, in order of time.

    The picture is the one on screen then, upright uint8 (height, W, 3), its sides in their proportion.
    Each is decoded from the keyframe before it; a container that cannot be entered, or is damaged, is
    decoded from its start to the last of the times.

    Raises:
        InputError: as `sample_frames`.
    """
    about = probe(path)
    size = max(1, round(height * about.width / about.height)), height
    wanted = sorted((round(max(one, 0.0) * FPS), one) for one in seconds)
    for number, (slot, second) in enumerate(wanted):
        found = sample_stretch(path, (slot, slot + 1), FPS, size, "screen")
        if found is None:
            yield from _in_one_go(path, wanted[number:], size)
            return
        for _, picture in found:
            yield second, picture


def _in_one_go(
    path: str | Path, wanted: list[tuple[int, float]], size: tuple[int, int]
) -> Iterator[tuple[float, np.ndarray]]:
    """As `stills`, of (slot, seconds) in order, by decoding from the start on."""
    waiting = iter(wanted)
    slot, second = next(waiting)
    frames = sample_frames(path, FPS, size, on_damage=lambda line: None, slots=(0, wanted[-1][0] + 1))
    for number, (_, picture) in enumerate(frames):
        while number == slot:
            yield second, picture
            slot, second = next(waiting, (-1, 0.0))
