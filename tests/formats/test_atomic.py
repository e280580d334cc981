"""Files are whole or absent."""

import errno
import os
import re
import resource
import shutil
import signal
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from comedian.errors import InputError
from comedian.formats import part
from comedian.formats.atomic import atomic_path
from comedian.formats.hdf5 import Kind, new_hdf5


def test_a_file_appears_whole_in_folders_that_are_made(tmp_path):
    target = tmp_path / "a" / "b" / "file.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == target.parent, "renaming works within one file system"
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_its_mode_is_that_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "ours") as temporary:
        temporary.touch()
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


def fail_halfway(path, error) -> None:
    path.write_text("half")
    raise error("in the middle")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, InputError])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        fail_halfway(temporary, error)
    assert (list(tmp_path.iterdir()), target.read_text()) == ([target], "old")


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (errno.ENOSPC, "a.h5: cannot be written: No space left on device; make room"),
        (errno.EDQUOT, "a.h5: cannot be written: Disk quota exceeded; make room within the quota"),
        (errno.EFBIG, "a.h5: cannot be written: File too large; raise the limit of a file's size"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        lambda code: OSError(code, os.strerror(code)),
        lambda code: RuntimeError(f"Can't write data (file write failed: errno = {code}, error message)"),
        lambda code: ValueError(f"Error while serializing: I/O error: (os error {code})"),
    ],
    ids=["Python", "HDF5", "safetensors"],
)
def test_a_write_that_fails_is_said_in_words(tmp_path, code, line, error):
    with pytest.raises(InputError, match=re.escape(line)), atomic_path(tmp_path / "a.h5"):
        raise error(code)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_what_is_read_are_told_as_they_are(tmp_path):
    with pytest.raises(OSError, match="Input/output"), atomic_path(tmp_path / "a.h5"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def small_files():
    """No file of this process may grow past 64 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_by(library: str, zeros: torch.Tensor, path: Path) -> None:
    if library == "text":
        path.write_bytes(bytes(zeros))
    elif library == "safetensors":
        save_file({"a": zeros}, path)
    elif library == "torch":
        torch.save(zeros, path)
    else:
        with path.open("wb") as file:
            np.save(file, zeros.numpy())


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("library", ["torch", "numpy", "safetensors", "text"])
def test_each_library_that_writes_fails_in_words(tmp_path, library):
    """PyTorch and NumPy do not tell the reason; the file system is asked again."""
    line = "a.x: cannot be written: File too large; raise the limit of a file's size"
    with pytest.raises(InputError, match=line), atomic_path(tmp_path / "a.x") as part:
        write_by(library, torch.zeros(1 << 20, dtype=torch.uint8), part)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_files")
def test_hdf5_fails_in_words(tmp_path):
    kind = Kind("thing", "comedian thing", 1, "nothing")
    line = "a.h5: cannot be written: File too large"
    with pytest.raises(InputError, match=line), new_hdf5(tmp_path / "a.h5", kind, 1 << 20) as file:
        file["data"] = np.zeros(1 << 20, np.uint8)
    assert list(tmp_path.iterdir()) == []


def written(target, text="new") -> None:
    with atomic_path(target) as temporary:
        temporary.write_text(text)


@pytest.mark.parametrize("links", [1, 2])
def test_a_symlink_goes_on_pointing_to_its_file(tmp_path, links):
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "file"
    file.write_text("old")
    for number in range(links):
        (tmp_path / f"link {number}").symlink_to("there/file" if number == 0 else f"link {number - 1}")
    written(tmp_path / f"link {links - 1}")
    assert (file.read_text(), (tmp_path / "link 0").is_symlink()) == ("new", True)
    assert list(file.parent.iterdir()) == [file]


def test_a_symlink_to_nothing_gets_its_file(tmp_path):
    (tmp_path / "link").symlink_to("there/file")
    written(tmp_path / "link")
    assert (tmp_path / "there" / "file").read_text() == "new"


def test_a_device_is_written_through(tmp_path):
    """A node of our own, for the machine's must not be risked."""
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        pytest.skip("needs the right to make a device")
    written(device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert list(tmp_path.iterdir()) == [device]


def test_a_fifo_is_written_through(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for name in ("fifo", "link"):
        with ThreadPoolExecutor(1) as pool:
            read = pool.submit((tmp_path / "fifo").read_text)
            written(tmp_path / name)
            assert read.result(5) == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fifo", "link"]


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link to /dev/fd/{}"])
def test_a_descriptor_goes_on_where_it_stands(tmp_path, name):
    with (tmp_path / "file").open("w") as file:
        file.write("before ")
        file.flush()
        path = name.format(file.fileno())
        if path.startswith("link"):
            (tmp_path / "link").symlink_to(path.removeprefix("link to "))
            path = tmp_path / "link"
        written(path)
        file.write(" after")
    assert (tmp_path / "file").read_text() == "before new after"


def work_while(target: Path, something_happens) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("hours of work")
        something_happens()


@pytest.mark.parametrize("gone", ["renamed", "removed"])
def test_work_survives_its_folder(tmp_path, gone):
    folder = tmp_path / "folder"
    renamed = partial(folder.rename, tmp_path / "other")
    work_while(folder / "file", renamed if gone == "renamed" else partial(shutil.rmtree, folder))
    assert (folder / "file").read_text() == "hours of work"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "file"]


def test_work_that_has_no_place_any_more_is_kept_beside(tmp_path):
    target = tmp_path / "file"
    with pytest.raises(InputError, match="cannot be put in its place") as error:
        work_while(target, target.mkdir)
    (kept,) = tmp_path.glob("kept.*.file")
    assert f"it is kept as {kept}" in str(error.value)
    assert kept.read_text() == "hours of work"


def test_work_whose_folder_cannot_be_made_again_is_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "folder"
    with pytest.raises(InputError, match="it is kept as") as error:
        work_while(folder / "file", lambda: (shutil.rmtree(folder), folder.write_text("in the way")))
    (kept,) = tmp_path.glob("kept.*.file")
    assert str(kept) in str(error.value)
    assert kept.read_text() == "hours of work"


def test_what_a_killed_process_left_is_cleared(tmp_path):
    child = os.fork()
    if not child:
        with atomic_path(tmp_path / "file"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (leftover,) = tmp_path.iterdir()
    (tmp_path / ".file.from an older version.part").mkdir()
    for other in (".other.abc.part", ".file.abc", "file.abc.part"):
        (tmp_path / other).touch()
    written(tmp_path / "file")
    assert not leftover.exists()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"file", ".other.abc.part", ".file.abc", "file.abc.part"}


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    with atomic_path(tmp_path / "file") as first:
        first.write_text("first")
        written(tmp_path / "file", "second")
        assert first.read_text() == "first"
    assert (tmp_path / "file").read_text() == "first"


def test_a_long_name_has_a_part_too(tmp_path):
    name = "ä" * 127
    written(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("where", ["flock", "unlink"])
def test_an_interrupt_while_a_part_is_made_or_removed_leaves_nothing(tmp_path, monkeypatch, where):
    module = {"flock": part.fcntl, "unlink": part.os}[where]
    real, interrupts = getattr(module, where), iter([KeyboardInterrupt])

    def interrupted(*args, **options):
        if interrupt := next(interrupts, None):
            raise interrupt
        return real(*args, **options)

    monkeypatch.setattr(module, where, interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a.txt"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []
