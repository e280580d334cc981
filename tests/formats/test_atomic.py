"""Files are whole or absent."""

import errno
import os
import stat
from types import SimpleNamespace

import pytest

from comedian.errors import InputError
from comedian.formats import atomic
from comedian.formats.atomic import atomic_path


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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_file_too_large_for_the_disk_is_said_in_words(tmp_path, code):
    with pytest.raises(InputError, match="disk is full; make room"), atomic_path(tmp_path / "a.h5"):
        raise OSError(code, os.strerror(code))
    assert list(tmp_path.iterdir()) == []


def test_other_errors_are_told_as_they_are(tmp_path):
    with pytest.raises(OSError, match="Input/output"), atomic_path(tmp_path / "a.h5"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_full_disk_is_said_in_words(tmp_path, monkeypatch):
    """HDF5, torch and safetensors each say it in their own way, some not at all."""
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda folder: SimpleNamespace(free=4096))
    message = "a.h5: cannot be written, the disk is full; make room"
    with pytest.raises(InputError, match=message), atomic_path(tmp_path / "a.h5"):
        raise RuntimeError("Can't decrement id ref count (file write failed)")
    assert list(tmp_path.iterdir()) == []
