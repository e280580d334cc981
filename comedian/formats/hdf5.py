"""HDF5 files of ours: one way to open them, one to write them.

Every kind carries the root attributes `format` and `version`. A reader knows older files, gives defaults
for what they lack, passes over what it does not know, and refuses a newer version.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path

AROUND_BYTES = 1 << 20  # for what HDF5 writes around the data
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
        with h5py.File(path) as file:
            return _format_of(file)
    except OSError:
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
        with h5py.File(path) as file:
            _check(file, path, kind)
            yield file
    except PermissionError:
        raise
    except KeyError as error:
        named = re.search(r"(?<!\w)'[^']+'", str(error))
        what = f"is damaged: it has no {named[0] if named else error}"
        raise InputError(what, path, f"make it again with {kind.maker}") from None
    except (OSError, TypeError, ValueError, AttributeError) as error:
        if not h5py.is_hdf5(path):
            raise InputError(f"is not a {kind.noun}", path, f"make one with {kind.maker}") from None
        reason = "" if isinstance(error, OSError) else f" ({error})"
        what = f"is damaged or cut short{reason}"
        raise InputError(what, path, f"make it again with {kind.maker}") from None


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


def _check(file: h5py.File, path: str | Path, kind: Kind) -> None:
    if (found := _format_of(file)) != kind.format:
        what = f"is not a {kind.noun} but {found or 'some other HDF5 file'}"
        raise InputError(what, path, f"make one with {kind.maker}")
    if file.attrs.get("version", 1) > kind.version:
        raise InputError("was written by a newer version", path, "update comedian")


def _format_of(file: h5py.File) -> str | None:
    found = file.attrs.get("format")
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
