"""Training reads: random windows of frames files as uint8 batches, against simplejpeg on the same blobs.

Ours is what the training commands use, from the file to the batch; the limit decodes the same JPEG bytes,
already in memory, on as many threads, each into one picture that stays in its cache.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import simplejpeg
import torch
from _measure import BIN, BUILD, Row, child, interleaved, keep_growth, options, table
from _videos import video

from comedian.data.loader import ClipLoader
from comedian.formats.frames import FramesFile
from comedian.video.parallel import cores

CORES = cores()
WINDOW = 128  # frames: 64 s
BATCH = 4  # windows
BATCHES = 24

# What one H200 with 16 cores would ask for, reckoned and not measured: multiply-adds of 64 frames forward
# (the paper's table 1), of which training takes three times as many, at a share of the GPU's bf16 rate.
H200_CORES, H200_FLOPS, SHARE_OF_PEAK = 16, 989e12, 0.4
MULTIPLY_ADDS = {"ViViT-T": 41.2e9, "ViViT-S": 149.5e9, "ViSwin-T": 145.6e9}


def main() -> None:
    """Make a frames file, time both ways of reading it, and say what training would wait for."""
    flags = options(__doc__).parse_args()
    path = _frames_file(120 if flags.quick else 600)
    file, rng = FramesFile(path), np.random.default_rng(0)
    num_batches = 2 if flags.quick else BATCHES
    starts = rng.integers(0, len(file) - WINDOW + 1, (num_batches, BATCH))
    blobs = _blobs(path, starts.ravel())
    loader = ClipLoader([file], WINDOW, CORES, pin=torch.cuda.is_available())  # as for many epochs
    _ours(loader, starts[:2])
    with ThreadPoolExecutor(CORES) as pool:
        cases = {"ours": lambda: _ours(loader, starts), "limit": lambda: _limit(blobs, pool)}
        found = interleaved(cases, flags.rounds)
    rates = {name: [starts.size * WINDOW / cost for cost in costs] for name, costs in found.items()}
    what = f"{starts.size} windows of {WINDOW} frames, {CORES} cores"
    table([Row(what, found["ours"], found["limit"], "<= 1.11")])  # 1 / 1.11: 90 % of the rate
    print(", ".join(f"{name} {median(rate):.0f} frames/s" for name, rate in rates.items()))
    _waiting(median(rates["ours"]) / CORES)
    _growth(loader, len(file), rng, flags.rounds)
    loader.close()


def _frames_file(seconds: int) -> Path:
    path = video(BUILD / "videos", "h264", "224p", seconds)
    child([BIN / "extract-frames", path, "-o", BUILD / "frames", "--quiet"])
    return BUILD / "frames" / f"{path.stem}.h5"


def _blobs(path: Path, starts: np.ndarray) -> list[bytes]:
    """The JPEGs of windows that start there, in the order in which they are read."""
    with h5py.File(path) as file:
        data, offset = file["data"][:].tobytes(), file["offset"][:].tolist()
    blobs = [data[begin:end] for begin, end in pairwise(offset)]
    return [blobs[frame] for start in starts for frame in range(start, start + WINDOW)]


def _ours(loader: ClipLoader, starts: np.ndarray) -> None:
    for _ in loader.batches([np.stack([np.zeros_like(row), row], axis=1) for row in starts]):
        pass


def _limit(blobs: Sequence[bytes], pool: ThreadPoolExecutor) -> None:
    list(pool.map(_decode_all, [blobs[core::CORES] for core in range(CORES)]))


def _decode_all(blobs: Sequence[bytes]) -> None:
    picture = np.empty_like(simplejpeg.decode_jpeg(blobs[0]))
    for blob in blobs:
        simplejpeg.decode_jpeg(blob, buffer=picture)


def _waiting(rate: float) -> None:
    """Print which share of a training step would be spent waiting for frames: reckoned, not measured."""
    supply = rate * H200_CORES
    print(f"One H200 (not measured), {H200_CORES} such cores decode {supply:.0f} frames/s, training takes:")
    for name, multiply_adds in MULTIPLY_ADDS.items():
        need = SHARE_OF_PEAK * H200_FLOPS / (3 * 2 * multiply_adds / 64)
        waits = max(0.0, 1 - supply / need)
        print(f"  {name:<9} {need:7.0f} at {SHARE_OF_PEAK:.0%} of its rate: waits {waits:.0%} of a step")


def _growth(loader: ClipLoader, num_frames: int, rng: np.random.Generator, rounds: int) -> None:
    sizes = (1, 4, 16)
    starts = {size: rng.integers(0, num_frames - WINDOW + 1, (size, BATCH)) for size in sizes}
    found = interleaved({size: lambda size=size: _ours(loader, starts[size]) for size in sizes}, rounds)
    keep_growth("training reads, number of windows", sizes, [median(found[size]) for size in sizes])


if __name__ == "__main__":
    main()
