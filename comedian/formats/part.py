"""Hidden files and folders in which outputs grow, `.<name>.<random>.part`, and what killed processes left.

A part is locked while the process that makes it lives (flock: the system lifts it, also after SIGKILL). So
a part that can be locked is nobody's, and is cleared.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

NAME_BYTES = 200  # of the target's name in a part's; file systems take 255 in all


@contextmanager
def part_file(target: Path) -> Iterator[tuple[Path, int]]:
    """Yield a new empty file beside `target` and a descriptor of it, to read and write; it is removed.

    Its permissions are those that the umask gives.
    """
    with _part(target, lambda path: os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)) as part:
        yield part


@contextmanager
def part_folder(target: Path) -> Iterator[Path]:
    """Yield a new empty folder beside `target`; it is removed with all that it holds."""
    with _part(target, _make_folder) as (path, _):
        yield path


@contextmanager
def _part(target: Path, make) -> Iterator[tuple[Path, int]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)  # stays the same one when it is renamed
    names: list[str] = []  # noted before they are made: an interrupt may come at any moment, once
    try:
        clear_leftovers(target)
        path, descriptor = _locked(target, make, names)
        try:
            yield path, descriptor
        finally:
            os.close(descriptor)
    finally:
        try:
            _remove_all(names, folder)
        except KeyboardInterrupt:
            _remove_all(names, folder)
            raise
        finally:
            os.close(folder)


def _remove_all(names: list[str], folder: int) -> None:
    for name in names:
        _remove(name, folder)


def clear_leftovers(target: Path) -> None:
    """Remove the parts of `target` whose processes were killed."""
    start, end = _ends(target)
    for name in os.listdir(target.parent):
        if name.startswith(start) and name.endswith(end):
            with suppress(OSError):  # it is being made by another process, or gone
                descriptor = os.open(target.parent / name, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(str(target.parent / name))
                finally:
                    os.close(descriptor)


def _locked(target: Path, make, names: list[str]) -> tuple[Path, int]:
    """A part that no other process can take for a leftover, between its making and its locking too.

    Its name, and those of parts that were taken for leftovers all the same, are added to `names`.
    """
    start, end = _ends(target)
    while True:
        path = target.parent / f"{start}{token_hex(4)}{end}"
        names.append(path.name)
        descriptor = make(path)
        with suppress(OSError):  # some file systems have no locks; then nothing is cleared on them either
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def _ends(target: Path) -> tuple[str, str]:
    return f".{os.fsdecode(os.fsencode(target.name)[:NAME_BYTES])}.", ".part"


def _make_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def _remove(name: str, folder: int | None = None) -> None:
    """Remove a file or folder, named from an open folder; it may be gone."""
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):  # unlink says the latter of a folder on some systems
        shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
    except FileNotFoundError:
        pass
