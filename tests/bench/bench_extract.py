"""extract-frames against the ffmpeg command, and against a decoder that only skips what nothing refers to.

Each as a whole command from a video to frames of 398x224 at 2 a second: ours writes a frames file, ffmpeg
raw pictures that are thrown away, the limit decodes reference frames on one core and keeps nothing.
"""

import shutil
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from _measure import BIN, BUILD, Child, Row, child, interleaved, keep_growth, options, table
from _videos import ENCODERS, SIZES, video

from comedian.video.parallel import sample_apart
from comedian.video.sample import sample_frames

VIDEOS = BUILD / "videos"
SECONDS = {"224p": 600, "720p": 120}
SHORT_SECONDS = 60  # the shortest video whose growth is timed; the others are 4 and 16 times as long
LIMIT = """
import av, sys
with av.open(sys.argv[1]) as container:
    context = container.streams.video[0].codec_context
    context.skip_frame, context.thread_count = "NONREF", 1
    for frame in container.decode(video=0):
        pass
"""


def main() -> None:
    """Make the videos, check that skipping changes no bit, and print the tables."""
    flags = options(__doc__).parse_args()
    make = partial(_video, quick=flags.quick)
    for codec, name in product(ENCODERS, SIZES):
        _one_video(make(codec, name), f"{name} {codec}", flags.rounds)
    _two_videos(make("h264", "224p"), flags.rounds)
    _growth(flags.rounds, flags.quick)


def _video(codec: str, name: str, quick: bool) -> Path:
    return video(VIDEOS, codec, name, 20 if quick else SECONDS[name])


def _one_video(path: Path, what: str, rounds: int) -> None:
    ours, one_core = _extract(path), _extract(path, "--workers", "1")
    cases = {"ours": ours, "one core": one_core, "limit": [sys.executable, "-c", LIMIT, path]}
    pairs = [("one core", "limit", "")]
    if shutil.which("ffmpeg"):
        cases |= {"ffmpeg": _ffmpeg(path), "ffmpeg -threads 1": _ffmpeg(path, "-threads", "1")}
        pairs = [("ours", "ffmpeg", ">= 1.4"), ("one core", "ffmpeg -threads 1", ""), *pairs]
    else:
        print("ffmpeg is not installed: not compared")
    found = interleaved(cases, rounds, child)
    for kind, column in (("CPU", "cpu_seconds"), ("wall", "wall_seconds")):
        costs = {name: _column(children, column) for name, children in found.items()}
        table(Row(f"{what}, {kind}: {a} against {b}", costs[a], costs[b], goal) for a, b, goal in pairs)
    _check_bits(path)


def _two_videos(path: Path, rounds: int) -> None:
    """Two videos on two cores take what one takes."""
    twin = path.with_stem(f"{path.stem}-twin")
    shutil.copyfile(path, twin)
    cases = {"one": _extract(path, "--workers", "1"), "two": _extract(path, twin, "--workers", "2")}
    found = interleaved(cases, rounds, child)
    wall = {name: _column(costs, "wall_seconds") for name, costs in found.items()}
    table([Row("two videos on two cores against one", wall["two"], wall["one"], "<= 1.15")])


def _growth(rounds: int, quick: bool) -> None:
    sizes = (1, 4, 16)
    seconds = 2 if quick else SHORT_SECONDS
    cases = {size: _extract(video(VIDEOS, "h264", "224p", seconds * size)) for size in sizes}
    start = [sys.executable, "-c", "import comedian.video.extract"]
    found = interleaved(cases | {"start": start}, rounds, child)
    taken = {name: median(_column(costs, "cpu_seconds")) for name, costs in found.items()}
    keep_growth(
        "extract-frames, length of the video", sizes, [taken[size] - taken["start"] for size in sizes]
    )


def _extract(*words: str | Path) -> list[str | Path]:
    return [BIN / "extract-frames", *words, "-o", BUILD / "frames", "--force", "--quiet"]


def _ffmpeg(path: Path, *threads: str) -> list[str | Path]:
    filters = ["-vf", "fps=2,scale=398:224", "-f", "rawvideo", "-"]
    return ["ffmpeg", "-v", "error", *threads, "-i", path, *filters]


def _column(costs: Sequence[Child], name: str) -> list[float]:
    return [getattr(cost, name) for cost in costs]


def _check_bits(path: Path) -> None:
    """Stop unless every frame is the one that decoding all of them gives."""
    pairs = zip(sample_apart(path, processes=2), sample_frames(path, full_decode=True), strict=True)
    if not all(one[0] == other[0] and np.array_equal(one[1], other[1]) for one, other in pairs):
        sys.exit(f"{path}: skipping changes a frame")
    print("every frame is, bit for bit, that of a full decode", flush=True)


if __name__ == "__main__":
    main()
