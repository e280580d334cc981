"""HDF5 files of ours: one way to open them, one to write them.

Every kind carries the root attributes `format` and `version`. A reader knows older files, gives defaults
for what they lack, passes over what it does not know, and refuses a newer version.
"""

import errno
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.recipes.ranges import Number
from comedian.recipes.schema import Table, checked, table, types_of

MOST_DEFLATED = 1032  # bytes that one compressed byte can stand for (zlib)
PLAIN_CLASSES = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM)  # of attributes
HEAPS_WITHIN = 1 << 20  # bytes from both ends of a file
HEAP_HEADER = 16  # bytes of an object in a heap
AROUND_BYTES = 1 << 20  # for what HDF5 writes around the data
DAMAGES = (
    OSError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    OverflowError,
    IndexError,
)  # h5py's
CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL)  # says a file system that knows no such thing


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        noun: what people call it.
        format, version: what its root says.
        maker: the command that writes it.
    """

    noun: str
    format: str
    version: int
    maker: str


def kind_of(path: str | Path) -> str | None:
    """What an HDF5 file says that it is, its `format`; None when it says nothing, or is no whole HDF5."""
    try:
        _check_heaps(path)
        with h5py.File(path) as file:
            return _format_of(file)
    except PermissionError:
        raise
    except Exception:  # of a damaged file
        return None


@contextmanager
def open_hdf5(path: str | Path, kind: Kind) -> Iterator[h5py.File]:
    """Yield a file of a kind, open for reading.

    Raises:
        InputError: the file is missing, damaged, of another kind or of a newer version; or the block meets
            something that it lacks or that has the wrong type.
    """
    if Path(path).is_dir():
        raise InputError("is a folder", path, f"name a {kind.noun}")
    if not Path(path).exists():
        raise InputError("no such file", path, f"make one with {kind.maker}")
    try:
        _check_heaps(path)
        with h5py.File(path) as file:
            _check(file, path, kind)
            yield file
    except PermissionError:
        raise
    except KeyError as error:
        named = re.search(r"(?<!\w)'[^']+'", str(error))
        what = f"is damaged: it has no {named[0] if named else error}"
        raise InputError(what, path, f"make it again with {kind.maker}") from None
    except (InputError, MemoryError):
        raise
    except DAMAGES as error:
        if not h5py.is_hdf5(path):
            raise InputError(f"is not a {kind.noun}", path, f"make one with {kind.maker}") from None
        reason = "" if isinstance(error, OSError) else f" ({error})"
        what = f"is damaged or cut short{reason}"
        raise InputError(what, path, f"make it again with {kind.maker}") from None


def attributes_of(group: h5py.Group, kind: type[Table], place: str | Path, maker: str) -> Table:
    """The attributes of a group as the dataclass that declares them.

    Raises:
        InputError: one has the wrong type or is out of its range, or one that has no default is missing.
    """
    values = {name: _plain(attribute(group, name)) for name in types_of(kind) if name in group.attrs}
    return table(values, kind, place, f"make it again with {maker}")


def attribute(group: h5py.Group, name: str) -> Any:
    """An attribute's value.

    Raises:
        KeyError: there is none of that name.
        ValueError: it is neither number nor text; HDF5 crashes at lists whose kind is damaged.
    """
    if group.attrs.get_id(name).get_type().get_class() not in PLAIN_CLASSES:
        raise ValueError(f"{name} is neither a number nor text")
    return group.attrs[name]


def read_array(group: h5py.Group, name: str, shape: tuple[int | None, ...], kinds: str) -> np.ndarray:
    """A dataset of a file, into memory, if the file is large enough to hold it.

    Args:
        shape: lengths; None is any.
        kinds: of numpy, such as "iuf".

    Raises:
        KeyError: there is none of that name.
        ValueError: it is of another shape or kind, or larger than what the file holds.
    """
    data = group[name]
    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in kinds:
        raise ValueError(f"{name} is not of the kind it should be")
    if len(data.shape or ()) != len(shape):
        raise ValueError(f"{name} has the shape {data.shape}")
    if any(wanted not in (None, found) for wanted, found in zip(shape, data.shape, strict=True)):
        raise ValueError(f"{name} has the shape {data.shape}")
    stored = min(data.id.get_storage_size(), os.path.getsize(group.file.filename))
    if data.nbytes > stored * (MOST_DEFLATED if data.chunks else 1):
        raise ValueError(f"{name} claims {data.nbytes} bytes, the file holds {stored} of it")
    return data[()]


def _plain(value: Any) -> Any:
    """An attribute's value as Python has it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return value


@contextmanager
def new_hdf5(path: str | Path, kind: Kind, num_bytes: int) -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill, as `atomic_path`, with room on the disk for so many bytes of data.

    HDF5 crashes the process when a dataset meets a full disk, so the room is reserved before there is one.

    Raises:
        InputError: the disk is full.
    """
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", locking=False) as file:  # it is locked by us
            _reserve(temporary, num_bytes + AROUND_BYTES)
            file.attrs.update(format=kind.format, version=kind.version)
            yield file
            file.flush()
            used = file.id.get_filesize()
        os.truncate(temporary, used)


def _check_heaps(path: str | Path) -> None:
    """Raise ValueError where HDF5 would run without end, or crash: a heap of strings that is damaged.

    Heaps of files of ours lie near the beginning or the end (HDF5 File Format Specification, III.E).
    """
    with open(path, "rb") as file:
        parts = [file.read(HEAPS_WITHIN)]
        if os.path.getsize(path) > HEAPS_WITHIN:
            file.seek(max(HEAPS_WITHIN, os.path.getsize(path) - HEAPS_WITHIN))
            parts.append(file.read())
    for part in parts:
        for heap in re.finditer(rb"GCOL\x01\x00{3}", part):
            end = heap.start() + int.from_bytes(part[heap.end() : heap.end() + 8], "little")
            _check_heap(part, heap.end() + 8, end)


def _check_heap(data: bytes, place: int, end: int) -> None:
    """The objects of a heap, one behind the other, end within it."""
    while place + HEAP_HEADER <= min(end, len(data)):
        index, _, _, length = struct.unpack_from("<HHIQ", data, place)
        step = length if index == 0 else HEAP_HEADER + -(-length // 8) * 8
        if not step or place + step > end:
            raise ValueError("a heap of its strings has no end, or a string is longer than it")
        place += step


def _check(file: h5py.File, path: str | Path, kind: Kind) -> None:
    if (found := _format_of(file)) != kind.format:
        what = f"is not a {kind.noun} but {found or 'some other HDF5 file'}"
        raise InputError(what, path, f"make one with {kind.maker}")
    version = _plain(attribute(file, "version")) if "version" in file.attrs else 1
    if checked("version", version, Number, path, f"make it again with {kind.maker}") > kind.version:
        raise InputError("was written by a newer version", path, "update comedian")


def _format_of(file: h5py.File) -> str | None:
    found = attribute(file, "format") if "format" in file.attrs else None
    return found if isinstance(found, str) else None


def _reserve(path: Path, num_bytes: int) -> None:
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, num_bytes)
        except OSError as error:
            if error.errno not in CANNOT_RESERVE:
                error.filename = str(path)
                raise
