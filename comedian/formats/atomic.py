"""Files that are whole or absent."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comedian.errors import InputError

FULL_BYTES = 1 << 20  # a disk with less than this left is what made a write fail


@contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it is fsynced and renamed over it.

    When the block raises (Ctrl-C included) the temporary file is removed and what stood at
    `target` before is left as it was. Missing parent folders are made.

    Raises:
        InputError: the disk is full, however the library that writes says so.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except Exception as error:
        if isinstance(error, InputError) or not _is_full(target.parent, error):
            raise
        raise InputError("cannot be written, the disk is full", target, "make room") from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_full(folder: Path, error: Exception) -> bool:
    """Whether that is why a write failed; libraries do not all say so."""
    told = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    return told or shutil.disk_usage(folder).free < FULL_BYTES


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
