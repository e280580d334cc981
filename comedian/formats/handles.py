"""Reading at positions of many files, of which few are open at once.

Nothing is mapped: of a mapped file that shrinks, reading ends the process by SIGBUS. Positional reads need
no lock, and processes that fork may share them.
"""

import os
from functools import lru_cache
from pathlib import Path

from comedian.errors import InputError

OPEN_FILES = 128  # in a process; the usual limit is 1,024 for everything that it does


def identity_of(path: Path) -> tuple[int, int]:
    """Which file stands at a path: its device and number there."""
    found = path.stat()
    return found.st_dev, found.st_ino


def read_at(path: Path, identity: tuple[int, int], offset: int, num_bytes: int) -> bytes:
    """Bytes of a file from an offset on; of any thread or process.

    Raises:
        InputError: the file is another one than it was (`identity_of`), or ends before.
    """
    handle = _handle(path, identity)  # held while it is read: the cache may drop it
    content = os.pread(handle.descriptor, num_bytes, offset)
    if len(content) < num_bytes:
        raise InputError("was cut short while it was read", path, "start again with the whole file")
    return content


class _Handle:
    """A descriptor that is closed when nobody holds it any more, be it dropped from the cache meanwhile."""

    def __init__(self, path: Path):
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


@lru_cache(OPEN_FILES)
def _handle(path: Path, identity: tuple[int, int]) -> _Handle:
    handle = _Handle(path)
    found = os.fstat(handle.descriptor)
    if (found.st_dev, found.st_ino) != identity:
        raise InputError("was replaced while it was read", path, "start again")
    return handle
