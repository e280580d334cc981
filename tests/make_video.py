"""Small videos whose pictures tell their number, for tests."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 96, 64
BITS = 12
TICK = Fraction(1, 90_000)


def picture(number: int) -> np.ndarray:
    """uint8 (64, 96, 3) with the number's 12 bits as bright and dark blocks, 2 rows of 6."""
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8).reshape(2, 6)
    blocks = np.kron(np.where(bits == 1, 230, 20).astype(np.uint8), np.ones((32, 16), np.uint8))
    return np.repeat(blocks[:, :, None], 3, axis=2)


def number_in(rgb: np.ndarray) -> int:
    """The number a picture tells, at any size."""
    height, width = rgb.shape[:2]
    rows = (np.arange(2) * 2 + 1) * height // 4
    columns = (np.arange(6) * 2 + 1) * width // 12
    bits = rgb[np.ix_(rows, columns)].mean(axis=2).ravel() > 128
    return int(sum(1 << bit for bit in np.flatnonzero(bits)))


def steady(count: int, rate: int = 25, start: float = 0) -> list[float]:
    """Times of a constant rate."""
    return [start + number / rate for number in range(count)]


def encode(
    path: Path,
    times: list[float],
    codec: str = "libx264",
    rate: int = 25,
    options: dict | None = None,
    sound_seconds: float = 0,
    b_frames: int = 2,
    pictures=picture,
    pixels: str = "yuv420p",
    matrix: tuple[int, int, int, int] | None = None,
    streamid: int | None = None,
) -> Path:
    """Encode `pictures(k)` at `times[k]` seconds; `sound_seconds` of silence start at 0."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.gop_size, stream.max_b_frames = 25, b_frames
        if matrix is not None:
            a, b, c, d = (value << 16 for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        if streamid is not None:
            stream.id = streamid
        fixed = path.suffix in (".avi", ".mpg", ".m2v") or codec in ("mpeg2video", "mpeg4")
        tick = stream.time_base = Fraction(1, rate) if fixed else TICK
        stream.codec_context.time_base = tick
        sound = _sound_stream(container, path) if sound_seconds else None
        if sound:
            container.mux(_silence(sound, sound_seconds))
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(pictures(number), format="rgb24")
            frame.pts, frame.time_base = round(Fraction(time) / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def encode_sound(path: Path, seconds: float = 1) -> Path:
    """A file with sound only."""
    with av.open(str(path), "w") as container:
        container.mux(_silence(container.add_stream("aac", rate=8000, layout="mono"), seconds))
    return path


def _sound_stream(container, path: Path):
    if path.suffix in (".vob", ".mpg"):
        return container.add_stream("mp2", rate=16000, layout="mono")
    return container.add_stream("aac", rate=8000, layout="mono")


def _silence(stream, seconds: float) -> list[av.Packet]:
    packets, rate, kind = [], stream.rate, stream.format.name
    for block in range(int(seconds * rate) // 1024):
        zeros = np.zeros((1, 1024), np.int16 if kind.startswith("s16") else np.float32)
        frame = av.AudioFrame.from_ndarray(zeros, format=kind, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, block * 1024, Fraction(1, rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
