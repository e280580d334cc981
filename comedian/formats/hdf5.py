"""New HDF5 files: whole or absent, and written only where there is room for them."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from comedian.formats.atomic import atomic_path

AROUND_BYTES = 1 << 20  # for what HDF5 writes around the data
CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL)  # says a file system that knows no such thing


@contextmanager
def new_hdf5(path: str | Path, num_bytes: int) -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill, as `atomic_path`, with room on the disk for so many bytes of data.

    HDF5 crashes the process when a dataset meets a full disk, so the room is reserved before there is one.

    Raises:
        InputError: the disk is full.
    """
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w") as file:
            _reserve(temporary, num_bytes + AROUND_BYTES)
            yield file
            file.flush()
            used = file.id.get_filesize()
        os.truncate(temporary, used)


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
