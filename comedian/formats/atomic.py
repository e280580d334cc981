"""Files that are whole or absent; devices, FIFOs and the like are written through."""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from comedian.errors import InputError
from comedian.formats.part import part_file

PROBE_BYTES = 1 << 20  # a file that cannot grow by this much is what made a write fail
FULL = {  # what a write fails with, never a read, and what to do
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room within the quota",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
}
TOLD = re.compile(r"(?:errno = |os error )(\d+)")  # by HDF5 and by safetensors


@contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path; on success what was written there is fsynced and stands at `target`, whole.

    When the block raises (Ctrl-C included) what stood there before is left as it was. Missing parent
    folders are made, again if they were renamed or removed meanwhile. A symlink goes on pointing to its
    file, and what is no regular file (`is_stream`) is written through.

    Raises:
        InputError: the file cannot be written, however the library that writes says so; or it cannot be
            put in its place, and where it is kept.
    """
    if is_stream(target):
        with _through(target) as temporary:
            yield temporary
        return
    goal = Path(os.path.realpath(target))
    with part_file(goal) as (part, descriptor):
        with failing_in_words(descriptor, target):
            yield part
            os.fsync(descriptor)
        _put(part, descriptor, goal)


@contextmanager
def failing_in_words(descriptor: int, target: str | os.PathLike) -> Iterator[None]:
    """Raise InputError that names `target` where the block fails since an open file cannot be written."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if number := _why_not_written(descriptor, error):
            what = f"cannot be written: {os.strerror(number)}"
            raise InputError(what, target, FULL.get(number)) from error
        raise


def is_stream(path: str | os.PathLike) -> bool:
    """Whether writing there goes into what is no file of its own: a device, FIFO, `/dev/stdout`."""
    if _descriptor_of(path) is not None:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def open_stream(path: str | os.PathLike) -> BinaryIO:
    """Open what `is_stream` says yes to; `/dev/stdout` goes on where standard output stands."""
    number = _descriptor_of(path)
    return open(path if number is None else os.dup(number), "wb")


def _descriptor_of(path: str | os.PathLike) -> int | None:
    """The descriptor of this process that a path means, as `/dev/stdout` and `/dev/fd/3` do, else None."""
    path = os.path.abspath(path)
    for _ in range(8):  # links to links
        folder, name = os.path.realpath(os.path.dirname(path)), os.path.basename(path)
        if folder in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
            return int(name) if name.isdecimal() else None
        path = os.path.join(folder, name)
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None


@contextmanager
def _through(target: str | os.PathLike) -> Iterator[Path]:
    """A temporary file that is copied into a device or the like at the end: libraries seek in theirs."""
    with tempfile.TemporaryDirectory(prefix="comedian-") as folder:
        temporary = Path(folder) / "through"
        temporary.touch()
        yield temporary
        with temporary.open("rb") as source, open_stream(target) as stream:
            shutil.copyfileobj(source, stream)


def _why_not_written(descriptor: int, error: Exception) -> int | None:
    """The number of the system's error that made writing fail, or None; libraries do not all tell it."""
    told = TOLD.search(str(error))
    number = int(told[1]) if told else getattr(error, "errno", None)
    if number in FULL:
        return number
    try:
        os.pwrite(descriptor, bytes(PROBE_BYTES), os.fstat(descriptor).st_size)
    except OSError as refused:
        return refused.errno
    return None


def _put(part: Path, descriptor: int, goal: Path) -> None:
    """Rename a finished part over its goal; hours of work are kept whatever became of the folder."""
    try:
        part.replace(goal)
    except FileNotFoundError:  # the folder was renamed or removed
        try:
            with atomic_path(goal) as again:
                _copy(descriptor, again)
        except OSError as error:
            _keep(descriptor, goal, error)
    except OSError as error:
        _keep(descriptor, goal, error)


def _keep(descriptor: int, goal: Path, error: OSError) -> None:
    """Put a finished file beside its goal, or with temporary files; raise InputError that says where."""
    for folder in (goal.parent, Path(tempfile.gettempdir())):
        with suppress(OSError):
            number, kept = tempfile.mkstemp(suffix=f".{goal.name}", prefix="kept.", dir=folder)
            os.close(number)
            _copy(descriptor, Path(kept))
            raise InputError(f"cannot be put in its place ({error.strerror}), it is kept as {kept}", goal)
    raise error


def _copy(descriptor: int, path: Path) -> None:
    """Copy an open file, wherever it lies by now."""
    with os.fdopen(os.dup(descriptor), "rb") as source, path.open("wb") as copy:
        source.seek(0)
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())
