"""New HDF5 files take no more than they need, and no part of them where there is too little room."""

import errno
import os
import resource
import subprocess
import sys

import h5py
import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats import hdf5
from comedian.formats.hdf5 import AROUND_BYTES, new_hdf5

ROOM = 1 << 12  # bytes that a file may have


@pytest.mark.parametrize("num_bytes", [0, 8000, 1 << 24])
def test_what_was_reserved_in_vain_is_given_back(tmp_path, num_bytes):
    with new_hdf5(tmp_path / "a.h5", num_bytes) as file:
        assert file.id.get_filesize() < AROUND_BYTES
        assert os.path.getsize(file.filename) == num_bytes + AROUND_BYTES
        file["rows"] = np.arange(1000)
    assert 8000 < os.path.getsize(tmp_path / "a.h5") < 8000 + 10_000
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["rows"][:], np.arange(1000))


def test_a_disk_without_the_room_is_told_and_the_old_file_stays(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a.h5").write_text("old")
    monkeypatch.setattr(hdf5.os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"a.h5: cannot be written, the disk is full; make room"):
        new_hdf5(tmp_path / "a.h5", 8000).__enter__()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_reserves_nothing_is_written_to(tmp_path, monkeypatch, code):
    def unknown(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(hdf5.os, "posix_fallocate", unknown)
    with new_hdf5(tmp_path / "a.h5", 8000) as file:
        file["rows"] = np.arange(1000)
    assert h5py.is_hdf5(tmp_path / "a.h5")


def test_too_little_room_does_not_crash(tmp_path):
    """HDF5 itself does, once a dataset could not be written; so this is asked of a process of its own."""
    code = f"""
import numpy as np
from comedian.formats.scores import HalfScores, write_scores
halves = [HalfScores("v", 1, np.arange(300.0), np.zeros((300, 17), np.float32))]
write_scores({str(tmp_path / "a.h5")!r}, halves, ("Goal",) * 17, "{{}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
