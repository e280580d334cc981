"""Videos for the benchmarks, made once: 25 frames a second, H.264 and HEVC, 398x224 and 1280x720.

Pictures are those of the sample matches, one after the other, which plays them about five times as fast
as they were, under film grain, at a broadcast's bit rate with the encoders' own habits (B pyramids, a
keyframe every ten seconds or at a cut). One minute is encoded; longer videos repeat it without encoding.
"""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np

SAMPLES = Path(__file__).parents[1] / "data" / "matches"
FPS, MINUTE = 25, 60
SIZES = {"224p": (398, 224), "720p": (1280, 720)}
BIT_RATES = {"224p": 650_000, "720p": 4_000_000}  # a second; SoccerNet's halves are of that order
ENCODERS = {"h264": "libx264", "hevc": "libx265"}
GRAIN = 3.0  # standard deviation, of 255 levels


def video(folder: Path, codec: str, name: str, seconds: int) -> Path:
    """A video of `codec` (h264, hevc) and size `name` (224p, 720p), from `folder` if it is there."""
    path, minute = folder / f"{name}-{codec}-{seconds}.mkv", folder / f"{name}-{codec}.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    if not minute.exists():
        _whole(minute, lambda file: _encode(file, codec, name))
    if not path.exists():
        _whole(path, lambda file: _repeat(minute, file, seconds))
    return path


def _whole(path: Path, make) -> None:
    part = path.with_name(f"part-{path.name}")
    make(part)
    part.rename(path)


def _encode(path: Path, codec: str, name: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(ENCODERS[codec], rate=FPS, options=_options(codec))
        stream.width, stream.height = SIZES[name]
        stream.pix_fmt, stream.bit_rate = "yuv420p", BIT_RATES[name]
        for pixels in islice(_pictures(SIZES[name]), FPS * MINUTE):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def _options(codec: str) -> dict[str, str]:
    return {"preset": "medium"} if codec == "h264" else {"preset": "fast", "x265-params": "log-level=error"}


def _pictures(size: tuple[int, int]) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    noise = (GRAIN * rng.standard_normal((16, size[1], size[0], 1))).astype(np.int16)
    for frame in chain.from_iterable(map(_frames, sorted(SAMPLES.rglob("*.mkv")))):
        pixels = frame.reformat(*size, format="rgb24", interpolation="BICUBIC").to_ndarray()
        grain = np.roll(noise[rng.integers(16)], rng.integers(size[0]), axis=1)
        yield np.clip(pixels + grain, 0, 255).astype(np.uint8)


def _frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def _repeat(minute: Path, path: Path, seconds: int) -> None:
    """The minute's packets over and over, without encoding, until `seconds` are full."""
    with av.open(str(path), "w") as target:
        stream = None
        for start in range(0, seconds, MINUTE):
            with av.open(str(minute)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                target.mux(list(_shifted(source, start, seconds - start, stream)))


def _shifted(source, start: int, limit: int, stream) -> Iterator[av.Packet]:
    tick = source.streams.video[0].time_base
    for packet in source.demux(video=0):
        if packet.size and packet.dts * tick < limit:
            packet.pts += round(start / tick)
            packet.dts += round(start / tick)
            packet.stream = stream
            yield packet
