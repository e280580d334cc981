"""The frames file (HDF5): one half's sampled frames and their times.

`data` uint8 holds the blobs end to end (contiguous), `offset` int64 (N+1) where each begins, `seconds`
float64 (N) the frames' presentation times. A blob is a JPEG (quality 90, 4:2:0) or, with encoding
"raw", the bytes of (H, W, 3). Letters: N frames of the file, n frames read, H height, W width.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import simplejpeg

from comedian.errors import InputError
from comedian.formats.atomic import failing_in_words
from comedian.formats.handles import identity_of, read_at
from comedian.formats.hdf5 import Kind, attributes_of, new_hdf5, open_hdf5, read_array
from comedian.formats.naming import half_number, text_of
from comedian.formats.periods import Period
from comedian.recipes.frames import FramesRecipe
from comedian.recipes.ranges import HalfNumber, Number, Pixels, Quality, Rate

KIND = Kind("frames file", "comedian frames", 1, "extract-frames")
ENCODINGS = ("jpeg", "raw")
REMEDY = f"make it again with {KIND.maker}"
UNKNOWN_BYTES = -1  # of a video that is not a file here
COPY_BYTES = 1 << 24  # copied at once from the spool to the file


@dataclass(frozen=True)
class Geometry:
    """Frames as they are stored, before the resize to the network's input.

    Attributes:
        fps: frames a second.
        width, height: pixels.
        sampling: the rule by which frames were picked from the video.
    """

    fps: Rate
    width: Pixels
    height: Pixels
    sampling: Literal["screen", "ffmpeg"]

    def __str__(self) -> str:
        return f"{self.width}x{self.height} pixels, {self.fps:g} a second, {self.sampling} sampling"


def write_frames(
    path: str | Path,
    frames: Iterable[tuple[float, np.ndarray]],
    *,
    fps: float,
    size: tuple[int, int],
    encoding: str = FramesRecipe.encoding,
    quality: int = FramesRecipe.quality,
    video: str | Path,
    half: int,
    period: Period | None = None,
    sampling: str,
    provenance: str,
    damage: Sequence[str] = (),
) -> int:
    """Write a frames file, whole or not at all, in flat memory; return the number of frames N.

    Args:
        frames: (seconds, uint8 (H, W, 3)) in order, of `size` (width, height).
        quality: of JPEG, 1 to 100.
        video: the file they come from; its absolute path and its size are kept.
        period: where the half lies in the video, if that holds several; times count from its start.
        damage: what the video lost, looked at once the frames are exhausted.

    Raises:
        InputError: there is no frame, or the file cannot be written.
    """
    assert encoding in ENCODINGS, encoding
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=Path(path).parent, buffering=0) as spool:
        with failing_in_words(spool.fileno(), path):
            seconds, offset = _spool(spool, frames, size, encoding, quality)
        if not seconds:
            raise InputError("gave no frame", video, "check the video and the rate")
        with new_hdf5(
            path, KIND, offset[-1] + 16 * len(offset)
        ) as file:  # the blobs, their times and offsets
            file.attrs.update(
                fps=float(fps),
                width=size[0],
                height=size[1],
                encoding=encoding,
                quality=quality,
                sampling=sampling,
                video=text_of(os.path.abspath(video)),
                video_bytes=_size_of(video),
                half=half,
                damage="; ".join(damage),
                provenance=provenance,
            )
            if period:
                file.attrs.update(_of_period(period))
            file["seconds"] = np.array(seconds, np.float64)
            file["offset"] = np.array(offset, np.int64)
            _copy(spool, file.create_dataset("data", (offset[-1],), np.uint8))
    return len(seconds)


@dataclass(frozen=True)
class Attributes:
    """What the root of a frames file carries."""

    fps: Rate
    width: Pixels
    height: Pixels
    encoding: Literal["jpeg", "raw"]
    sampling: Literal["screen", "ffmpeg"]
    video: str
    half: HalfNumber
    video_start_ms: Number | None = None
    video_end_ms: Number | None = None
    video_bytes: int = UNKNOWN_BYTES
    damage: str = ""
    provenance: str = "{}"
    quality: Quality = FramesRecipe.quality


class FramesFile:
    """A frames file, open for reading in any thread or process; pickled as its path.

    Attributes:
        path, fps, width, height, encoding, sampling: as written.
        jpeg_quality: of its JPEGs; 0 of raw frames.
        video: absolute path of the video the frames come from.
        half: by the video's name; as written where that says none.
        period: where the half lies in the video, if that holds several.
        damage: what the video lost, in words, or "".
        seconds: float64 (N), presentation times from the video's origin, or the half's start in it.

    Raises:
        InputError: missing, not a frames file, cut short, or of a newer version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with open_hdf5(path, KIND) as file:
            self._read_header(file)
        if self.path.stat().st_size < self._begin + self._offset[-1]:
            raise InputError("is cut short", path, REMEDY)
        self._identity = identity_of(self.path)  # HDF5 and its lock are not involved any more
        self._check_size()

    def __len__(self) -> int:
        return len(self.seconds)

    def __reduce__(self):
        return type(self), (self.path,)

    def read(self, indices: Iterable[int], out: np.ndarray | None = None) -> np.ndarray:
        """Decode frames into `out`, or a new array: uint8 (n, H, W, 3).

        Raises:
            InputError: a frame is damaged, or the file was cut short or replaced since it was opened.
        """
        indices = list(indices)
        shape = (len(indices), self.height, self.width, 3)
        out = np.empty(shape, np.uint8) if out is None else out
        assert out.shape == shape, (out.shape, shape)
        assert out.dtype == np.uint8, out.dtype
        for row, index in zip(out, indices, strict=True):
            self._decode(index, row)
        return out

    def _decode(self, index: int, out: np.ndarray) -> None:
        """One frame into `out` (H, W, 3), which is contiguous."""
        assert 0 <= index < len(self), (index, len(self))
        begin, end = self._offset[index : index + 2]
        blob = read_at(self.path, self._identity, int(self._begin + begin), int(end - begin))
        if self.encoding == "raw":
            if len(blob) != out.nbytes:
                raise InputError(f"frame {index} is damaged", self.path, REMEDY)
            out[...] = np.frombuffer(blob, np.uint8).reshape(out.shape)
            return
        try:
            found = simplejpeg.decode_jpeg(blob, buffer=out).shape
        except ValueError:
            found = None
        if found != out.shape:
            raise InputError(f"frame {index} is damaged", self.path, REMEDY)

    def _check_size(self) -> None:
        """Raise InputError unless the first frame is as large as is said: memory is taken for that."""
        with self.path.open("rb") as file:
            file.seek(self._begin)
            blob = file.read(int(self._offset[1]))
        if self.encoding == "raw":
            fits = len(blob) == 3 * self.width * self.height
        else:
            try:
                fits = simplejpeg.decode_jpeg_header(blob)[:2] == (self.height, self.width)
            except ValueError:
                return  # a damaged frame is told when it is read
        if not fits:
            raise InputError(f"its frames are not of {self.width}x{self.height}", self.path, REMEDY)

    def _read_header(self, file: h5py.File) -> None:
        found = attributes_of(file, Attributes, self.path, KIND.maker)
        self.fps, self.width, self.height = found.fps, found.width, found.height
        self.encoding, self.sampling = found.encoding, found.sampling
        self.jpeg_quality = found.quality if found.encoding == "jpeg" else 0
        self.video, self.video_bytes = found.video, found.video_bytes
        self.half = half_number(self.video, found.half)
        begin, end = found.video_start_ms, found.video_end_ms
        self.period = None if begin is None else Period(found.half, begin, end)
        self.damage, self.provenance = found.damage, found.provenance
        self.seconds = read_array(file, "seconds", (None,), "f")
        self._offset = read_array(file, "offset", (len(self.seconds) + 1,), "iu").astype(np.int64)
        self._begin = file["data"].id.get_offset()
        backwards = (np.diff(self._offset) < 0).any() or (np.diff(self.seconds) < 0).any()
        if self._begin is None or not len(self.seconds) or backwards or self._offset[0]:
            raise ValueError("its frames are not where they should be")
        if not np.isfinite(self.seconds).all():
            raise ValueError("its times are not numbers")


def whole_frames_file(
    path: str | Path,
    *,
    fps: float,
    size: tuple[int, int],
    encoding: str,
    sampling: str,
    video: str | Path,
    period: Period | None = None,
) -> FramesFile | None:
    """The frames file at `path` if it is whole and was made like this from this very video."""
    try:
        file = FramesFile(path)
    except InputError:
        return None
    made = (file.fps, (file.width, file.height), file.encoding, file.sampling)
    wanted = (float(fps), tuple(size), encoding, sampling)
    source = (text_of(os.path.abspath(video)), _size_of(video), period)
    return file if made == wanted and (file.video, file.video_bytes, file.period) == source else None


def _of_period(period: Period) -> dict[str, int]:
    begin = {"video_start_ms": period.start_ms}
    return begin if period.end_ms is None else begin | {"video_end_ms": period.end_ms}


def _spool(
    spool: RawIOBase, frames: Iterable[tuple[float, np.ndarray]], size, encoding: str, quality: int
) -> tuple[list[float], list[int]]:
    """Write encoded frames end to end; return their times (N) and offsets (N+1)."""
    seconds, offset = [], [0]
    for time, rgb in frames:
        assert rgb.shape == (size[1], size[0], 3), rgb.shape
        blob = encoded(rgb, encoding, quality)
        _write_all(spool, blob)
        seconds.append(time)
        offset.append(offset[-1] + len(blob))
    return seconds, offset


def encoded(rgb: np.ndarray, encoding: str, quality: int) -> bytes:
    """A frame (H, W, 3) as it is kept."""
    if encoding == "raw":
        return rgb.tobytes()
    blob: bytes = simplejpeg.encode_jpeg(rgb, quality, colorsubsampling="420")
    return blob


def as_kept(frames: Iterable[tuple[float, np.ndarray]], quality: int) -> Iterator[tuple[float, np.ndarray]]:
    """Frames of a video, (seconds, uint8 (H, W, 3)), as a frames file of such JPEGs would give them."""
    for seconds, rgb in frames:
        yield seconds, simplejpeg.decode_jpeg(encoded(rgb, "jpeg", quality))


def _write_all(spool: RawIOBase, blob: bytes) -> None:
    """Nothing waits in a buffer, which would fail once more when the file is closed."""
    view = memoryview(blob)
    while view:
        view = view[spool.write(view) :]


def _copy(spool: RawIOBase, data: h5py.Dataset) -> None:
    spool.seek(0)
    position = 0
    while chunk := spool.read(COPY_BYTES):
        data[position : position + len(chunk)] = np.frombuffer(chunk, np.uint8)
        position += len(chunk)


def _size_of(video: str | Path) -> int:
    """Bytes of the video, so that a changed one is noticed."""
    return os.path.getsize(video) if os.path.isfile(video) else UNKNOWN_BYTES
