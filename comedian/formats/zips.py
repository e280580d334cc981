"""Zips that people hand in: plain members of a size that can be meant, or an error that says why not."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from comedian.errors import InputError

MEMBER_BYTES = 1 << 28  # unpacked; all frames of a game at 25 a second and all classes take half of it
RATIO = 200  # of bytes unpacked to bytes packed; JSON of predictions has 5 to 40
UNSUSPICIOUS_BYTES = 1 << 24  # in all; what is small may be packed as tightly as it likes
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those whose unpacking can be bounded
ENCRYPTED = 1  # bit of a member's flags (APPNOTE 4.4.4)
EXTRAS = "__MACOSX"  # what macOS adds
REMEDY = "make it again"


def members_named(path: Path, name: str) -> Iterator[tuple[PurePosixPath, Callable[[], bytes]]]:
    """Yield the place and a reader of each member of some name, in order; readers work until the next one.

    Raises:
        InputError: the zip is damaged, encrypted, unpacks to too much or has two members at one place.
    """
    with _opened(path) as archive:
        found: dict[PurePosixPath, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            place = PurePosixPath(info.filename.replace("\\", "/"))
            if place.name != name or place.parts[0] == EXTRAS:
                continue
            if place in found:
                raise InputError("is there twice", f"{path}/{place}", f"{REMEDY} with each game once")
            found[place] = info
            _check_member(info, place, path)
        _check_all(found.values(), path)
        for place, info in sorted(found.items()):
            yield place, partial(_read, archive, info, path)


def _check_member(info: zipfile.ZipInfo, place: PurePosixPath, path: Path) -> None:
    """Raise InputError for a member that cannot be read, or not be meant."""
    where = f"{path}/{info.filename}"
    if place.is_absolute() or ".." in place.parts:
        raise InputError("lies outside its zip, by its name", where, REMEDY)
    if info.flag_bits & ENCRYPTED:
        raise InputError("is encrypted", where, f"{REMEDY} without a password")
    if info.compress_type not in METHODS:
        raise InputError("is not compressed by deflate", where, f"{REMEDY} as others do")
    if info.file_size > MEMBER_BYTES:
        size = f"{info.file_size >> 20} MiB, a game's results take {MEMBER_BYTES >> 20} at most"
        raise InputError(f"unpacks to {size}", where, REMEDY)


def _check_all(members: Iterable[zipfile.ZipInfo], path: Path) -> None:
    """Raise InputError where members unpack to what no text is packed from."""
    unpacked = sum(info.file_size for info in members)
    if unpacked > max(UNSUSPICIOUS_BYTES, RATIO * path.stat().st_size):
        what = f"unpacks to {unpacked >> 20} MiB, more than {RATIO} times its size; results do not"
        raise InputError(what, path, REMEDY)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except DAMAGE as error:
        raise _damaged(error, str(path)) from None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    try:
        return archive.read(info)
    except DAMAGE as error:
        raise _damaged(error, f"{path}/{info.filename}") from None


def _damaged(error: Exception, where: str) -> Exception:
    """What to raise in place of an error of zipfile's."""
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return error
    if isinstance(error, NotImplementedError):
        return InputError(f"is of a kind that cannot be read ({error})", where, f"{REMEDY} as others do")
    return InputError("is a damaged zip", where, REMEDY)
