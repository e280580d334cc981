"""New HDF5 files take no more than they need, and no part of them where there is too little room."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats import hdf5
from comedian.formats.bank import Bank
from comedian.formats.frames import FramesFile
from comedian.formats.hdf5 import AROUND_BYTES, Kind, kind_of, new_hdf5, open_hdf5, read_array
from comedian.formats.scores import ScoresFile

ROOM = 1 << 12  # bytes that a file may have
KIND = Kind("rows file", "comedian rows", 3, "count-rows")
OLD = Path(__file__).parents[1] / "data" / "written-by-0.1"
READERS = {"frames": FramesFile, "bank": Bank, "scores": lambda path: list(ScoresFile(path))}
SPARED = {  # what a reader can do without
    *("damage", "provenance", "video_bytes", "version"),
    *("neighbours", "teacher", "left_out_mean", "left_out_maximum", "left_out_sampled"),
}


@pytest.mark.parametrize("num_bytes", [0, 8000, 1 << 24])
def test_what_was_reserved_in_vain_is_given_back(tmp_path, num_bytes):
    with new_hdf5(tmp_path / "a.h5", KIND, num_bytes) as file:
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
    with pytest.raises(InputError, match=r"a.h5: cannot be written: No space left on device; make room"):
        new_hdf5(tmp_path / "a.h5", KIND, 8000).__enter__()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_reserves_nothing_is_written_to(tmp_path, monkeypatch, code):
    def unknown(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(hdf5.os, "posix_fallocate", unknown)
    with new_hdf5(tmp_path / "a.h5", KIND, 8000) as file:
        file["rows"] = np.arange(1000)
    assert h5py.is_hdf5(tmp_path / "a.h5")


def test_too_little_room_does_not_crash(tmp_path):
    """HDF5 itself does, once a dataset could not be written; so this is asked of a process of its own."""
    code = f"""
import numpy as np
from comedian.formats.scores import Scores, write_scores
halves = [Scores("v", 1, np.arange(300.0), np.zeros((300, 17), np.float32))]
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


def parts_of(path: Path) -> list[tuple[str, str | None]]:
    """Every array (its name, None) and every attribute (its place, its name) of a file."""
    with h5py.File(path) as file:
        found = [("/", name) for name in file.attrs]

        def visit(name, item):
            found.extend((name, attribute) for attribute in item.attrs)
            if isinstance(item, h5py.Dataset):
                found.append((name, None))

        file.visititems(visit)
    return found


PARTS = [(kind, *part) for kind in READERS for part in parts_of(OLD / f"{kind}.h5")]


@pytest.mark.parametrize(("kind", "place", "attribute"), PARTS)
def test_a_part_that_is_missing_is_told_by_name_or_has_a_default(tmp_path, kind, place, attribute):
    path = Path(shutil.copy(OLD / f"{kind}.h5", tmp_path))
    with h5py.File(path, "r+") as file:
        if attribute is None:
            del file[place]
        else:
            del file[place].attrs[attribute]
    if attribute in SPARED:
        READERS[kind](path)
        return
    name = attribute or place.split("/")[-1]
    told = (
        "but some other HDF5 file; make one" if name == "format" else f"it has no '{name}'; make it again"
    )
    with pytest.raises(InputError, match=rf"{kind}.h5.*: is .*{told} with"):
        READERS[kind](path)


@pytest.mark.parametrize(("kind", "place", "attribute"), PARTS)
def test_a_part_of_the_wrong_type_is_told(tmp_path, kind, place, attribute):
    """Nothing at all in place of each; where that can be read, it is."""
    path = Path(shutil.copy(OLD / f"{kind}.h5", tmp_path))
    with h5py.File(path, "r+") as file:
        if attribute is None:
            del file[place]
            file[place] = h5py.Empty("f")
        else:
            file[place].attrs[attribute] = h5py.Empty("f")
    try:
        READERS[kind](path)
    except InputError as error:
        assert str(error).startswith(f"{path}")  # noqa: PT017


def test_what_a_reader_does_not_know_it_passes_over(tmp_path):
    for kind, read in READERS.items():
        path = Path(shutil.copy(OLD / f"{kind}.h5", tmp_path))
        with h5py.File(path, "r+") as file:
            file.attrs["color"] = "red"
        read(path)


def test_versions_and_kinds(tmp_path):
    path = tmp_path / "a.h5"
    with new_hdf5(path, KIND, 10) as file:
        file["rows"] = [1]
    with open_hdf5(path, KIND) as file:
        assert (file.attrs["format"], file.attrs["version"]) == ("comedian rows", 3)
    older, bank = replace(KIND, version=2), Kind("bank", "comedian bank", 3, "build-bank")
    for other, what in (
        (older, "was written by a newer version; update comedian"),
        (bank, "is not a bank but comedian rows; make one with build-bank"),
    ):
        with pytest.raises(InputError, match=what), open_hdf5(path, other):
            pass


def test_an_error_of_the_program_is_not_taken_for_one_of_the_file(tmp_path):
    with new_hdf5(tmp_path / "a.h5", KIND, 10):
        pass
    with pytest.raises(ZeroDivisionError), open_hdf5(tmp_path / "a.h5", KIND):
        raise ZeroDivisionError


@pytest.mark.parametrize("length", [0, 2**40])
def test_a_heap_without_end_is_damage(tiny, tmp_path, length):
    """HDF5 1.14 itself would read it for ever, or crash."""
    data = bytearray(tiny.half.read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 32] = bytes(8) + length.to_bytes(8, "little")
    (tmp_path / "frames.h5").write_bytes(data)
    with pytest.raises(InputError, match="a heap of its strings has no end"):
        FramesFile(tmp_path / "frames.h5")
    assert kind_of(tmp_path / "frames.h5") is None


def test_attributes_of_lists_are_not_read(tiny, tmp_path):
    """HDF5 crashes where the kind of a list is damaged, so none is asked for its value."""
    path = shutil.copy(tiny.half, tmp_path / "frames.h5")
    with h5py.File(path, "r+") as file:
        del file.attrs["fps"]
        lists = np.empty(1, object)
        lists[0] = np.array([1, 2])
        file.attrs.create("fps", lists, dtype=h5py.vlen_dtype(np.int64))
    with pytest.raises(InputError, match="fps is neither a number nor text"):
        FramesFile(path)


@pytest.mark.parametrize("options", [{}, {"chunks": (100,), "compression": "gzip"}])
def test_what_is_read_may_be_compressed_and_may_not_claim_more_than_there_is(tmp_path, options):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("rows", data=np.zeros(10_000, np.float32), **options)
        file.create_dataset("none", (10**9,), np.float32, chunks=(1000,))
    with h5py.File(tmp_path / "a.h5") as file:
        assert not read_array(file, "rows", (None,), "f").any()
        with pytest.raises(ValueError, match="none claims 4000000000 bytes, the file holds 0 of it"):
            read_array(file, "none", (None,), "f")


def test_a_heap_at_the_end_of_a_large_file_is_looked_at(tiny, tmp_path):
    data = bytearray(tiny.half.read_bytes())
    at = data.index(b"GCOL\x01\0\0\0")
    heap = data[at : at + 4096]
    heap[16:32] = bytes(16)  # a first object without length
    large = tmp_path / "large.h5"
    large.write_bytes(tiny.half.read_bytes() + bytes(3 << 20) + heap)
    with pytest.raises(ValueError, match="a heap of its strings has no end"):
        hdf5._check_heaps(large)
    large.write_bytes(tiny.half.read_bytes() + heap + bytes(3 << 20))
    with pytest.raises(ValueError, match="a heap of its strings has no end"):
        hdf5._check_heaps(large)
