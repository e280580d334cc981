"""spot on a half, against the work that it cannot avoid and against recomputing every window.

The unavoidable: decoding alone; each tubelet through the spatial transformer once, and each window through
the temporal one, as torch runs them, 64 tubelets at once on all cores. Beside them our pass over frames
that are decoded already. Weights are random, the network is the recipe's. With a GPU all runs there.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from _measure import BIN, BUILD, Row, child, interleaved, keep_growth, options, table
from _videos import video
from _weights import random_spotter, weights

from comedian.data.augment import to_input
from comedian.models.spotter import Spotter
from comedian.spotting.sliding import score_stream
from comedian.spotting.sources import score_video
from comedian.video.sample import sample_frames

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
VIDEOS = BUILD / "videos"
CHUNK = 64  # tubelets at once, where each is computed once


def main() -> None:
    """Time a half, in parts and whole; then the command on longer and longer ones."""
    parser = options(__doc__)
    parser.add_argument("--recipe", default="vivit-tiny", help="of the network that is timed")
    flags = parser.parse_args()
    torch.manual_seed(0)
    _half(flags, seconds=20 if flags.quick else 300)
    _growth(flags, seconds=10 if flags.quick else 75)
    if DEVICE.type == "cpu":
        print("GPU: not measured")


def _half(flags: argparse.Namespace, seconds: int) -> None:
    path = video(VIDEOS, "h264", "224p", seconds)
    spotter = random_spotter("smoke" if flags.quick else flags.recipe).to(DEVICE)
    tubelets = _tubelets(path)
    cases = {
        "spot": lambda: score_video(path, [spotter], DEVICE),
        "decode": lambda: _exhaust(sample_frames(path)),
        "network": lambda: _each_once(spotter, tubelets),
        "memory": lambda: _exhaust(score_stream(_frames(tubelets), [spotter], spotter.spot, DEVICE)),
        "windows": lambda: _each_window(spotter, tubelets),
    }
    found = interleaved(cases, flags.rounds)
    limit = max(found["decode"], found["network"], key=median)
    what = f"{seconds} s of 224p on {DEVICE.type}"
    rows = {
        "decoding alone": found["decode"],
        "our pass over decoded frames": found["memory"],
        "one pass of the network": found["network"],
    }
    table(
        [Row(f"{what}: spot against {name}", found["spot"], costs) for name, costs in rows.items()]
        + [Row(f"{what}: against decoding or one pass", found["spot"], limit, "<= 1.15")]
        + [Row(f"{what}: against every window recomputed", found["spot"], found["windows"], ">= 1.8")]
    )
    print(f"{seconds / 60 / median(found['spot']):.2f} minutes of video a second", flush=True)


def _growth(flags: argparse.Namespace, seconds: int) -> None:
    """The command, start included, with a small network: its time and memory as videos get longer."""
    sizes, small = (1, 4, 16), weights(BUILD, "smoke")
    commands = {size: _command(small, video(VIDEOS, "h264", "224p", seconds * size)) for size in sizes}
    start = _command(small, video(VIDEOS, "h264", "224p", 1))
    found = interleaved(commands | {"start": start}, flags.rounds, child)
    wall = {name: median(cost.wall_seconds for cost in costs) for name, costs in found.items()}
    peak = {name: [cost.peak_mb for cost in costs] for name, costs in found.items()}
    keep_growth("spot, length of the video", sizes, [wall[size] - wall["start"] for size in sizes])
    table([Row("memory of spot, 16 times the video against 4 times", peak[16], peak[4], "<= 1.05", "MB")])


def _command(model: Path, path: Path) -> list[str | Path]:
    return [BIN / "spot", path, "--model", model, "--quiet"]


def _tubelets(path: Path) -> torch.Tensor:
    """All frames of a video as uint8 (n, 2, H, W, 3)."""
    frames = torch.from_numpy(np.stack([rgb for _, rgb in sample_frames(path)]))
    return frames[: len(frames) // 2 * 2].unflatten(0, (-1, 2))


def _frames(tubelets: torch.Tensor) -> Iterator[tuple[float, np.ndarray]]:
    for number, rgb in enumerate(tubelets.flatten(0, 1).numpy()):
        yield number / 2, rgb


def _exhaust(items: Iterator) -> None:
    for _ in items:
        pass


@torch.inference_mode()
def _each_once(spotter: Spotter, tubelets: torch.Tensor) -> None:
    tokens = torch.cat([_tokens(spotter, part) for part in tubelets.split(CHUNK)])
    for window in _windows(spotter, len(tokens)):
        spotter.classify(tokens[None, window]).sigmoid().cpu()


@torch.inference_mode()
def _each_window(spotter: Spotter, tubelets: torch.Tensor) -> None:
    for window in _windows(spotter, len(tubelets)):
        spotter.classify(_tokens(spotter, tubelets[window])[None]).sigmoid().cpu()


def _tokens(spotter: Spotter, tubelets: torch.Tensor) -> torch.Tensor:
    """uint8 (n, 2, H, W, 3) to (n, D), in half precision where spot takes it."""
    size = spotter.recipe.image_height, spotter.recipe.image_width
    video = to_input(tubelets.to(DEVICE), size, spotter.mean, spotter.std)
    with torch.autocast(DEVICE.type, torch.bfloat16, enabled=DEVICE.type == "cuda"):
        return spotter.spatial.encode(video).float()


def _windows(spotter: Spotter, num_tokens: int) -> list[slice]:
    """Half-overlapping windows, and a last one that ends where the half does."""
    length = spotter.recipe.num_tokens
    last = max(num_tokens - length, 0)
    starts = sorted({*range(0, last, length // 2), last})
    return [slice(start, start + length) for start in starts]


if __name__ == "__main__":
    main()
