"""The bank file: round trip, alignment in time, and what is refused."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.formats.bank import Bank, BankHalf, LeftOut, Reduction, write_bank

HALVES = [
    BankHalf("l/2015 A 1 - 0 B", 1, 0, 3, "aa"),
    BankHalf("l/2015 A 1 - 0 B", 2, 3, 1, "bb"),
    BankHalf("m/2015 A 1 - 0 B", 1, 4, 2, "cc"),
]


def write(path: Path, seconds=(0.0, 1.0, 2.0, 0.0, 0.5, 4.5), halves=HALVES, **changes) -> Path:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(2, len(seconds), 4)).astype(changes.pop("dtype", np.float16))
    reduction = Reduction(np.arange(9.0), np.ones(9), rng.normal(size=(4, 9)), np.full(4, 0.2))
    write_bank(
        path, features, targets, np.array(seconds), halves, reduction, **{"temperature_m": 0.07, **changes}
    )
    return path


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_is_read(tmp_path, dtype):
    left_out = LeftOut(0.25, 0.5, 6)
    path = write(
        tmp_path / "bank.h5", dtype=dtype, neighbours=9, left_out=left_out, teacher="Tëst", provenance="{}"
    )
    bank = Bank(path)
    features, targets = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(dtype)
    assert bank.features.dtype == dtype
    assert np.array_equal(bank.features, features)
    assert np.array_equal(bank.targets, targets)
    assert bank.seconds.tolist() == [0.0, 1.0, 2.0, 0.0, 0.5, 4.5]
    assert bank.halves == HALVES
    assert (bank.neighbours, bank.left_out, bank.teacher) == (9, left_out, "Tëst")
    assert (bank.provenance, bank.temperature_m, len(bank)) == ("{}", 0.07, 6)
    assert np.array_equal(bank.reduction.mean, np.arange(9.0))


def test_exact_targets_leave_nothing_out(tmp_path):
    bank = Bank(write(tmp_path / "bank.h5"))
    assert bank.neighbours is None
    assert bank.left_out == LeftOut(0, 0, 0)


def test_ties_in_time_go_to_the_earlier_row(tmp_path):
    bank = Bank(write(tmp_path / "bank.h5"))
    times = np.array([-3, 0, 0.25, 0.5, 0.75, 1.5, 1.51, 99])
    assert bank.nearest("l/2015 A 1 - 0 B", 1, times).tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    assert bank.nearest("l/2015 A 1 - 0 B", 2, times).tolist() == [3] * 8
    assert bank.nearest("m/2015 A 1 - 0 B", 1, np.array([2.5, 2.51])).tolist() == [4, 5]
    assert bank.nearest("m/2015 A 1 - 0 B", 1, times).dtype == np.int64


@given(st.lists(st.integers(0, 400), min_size=1, max_size=20), st.lists(st.integers(-50, 450), max_size=20))
def test_nearest_is_the_first_of_the_least_distances(tmp_path_factory, seconds, times):
    seconds = np.sort(np.array(seconds)) / 4
    path = tmp_path_factory.mktemp("bank") / "bank.h5"
    bank = Bank(write(path, seconds, [BankHalf("g", 1, 0, len(seconds), "")]))
    found = bank.nearest("g", 1, np.array(times) / 4)
    distances = [abs(seconds - time / 4) for time in times]
    assert [d[row] for d, row in zip(distances, found, strict=True)] == [d.min() for d in distances]
    assert [seconds[row] for row in found] == [seconds[d.argmin()] for d in distances]


def test_a_game_is_found_by_the_end_of_its_name(tmp_path):
    bank = Bank(write(tmp_path / "bank.h5"))
    assert bank.rows("l/2015 A 1 - 0 B", 2) == slice(3, 4)
    assert bank.rows("2015 A 1 - 0 B", 2) == slice(3, 4)
    assert bank.rows("data/m/2015 A 1 - 0 B", 1) == slice(4, 6)


@pytest.mark.parametrize(
    ("game", "half", "message"),
    [
        ("2015 A 1 - 0 B", 1, "several games"),
        ("A 1 - 0 B", 1, "holds no 'A 1 - 0 B', half 1"),
        ("m/2015 A 1 - 0 B", 2, "holds no 'm/2015 A 1 - 0 B', half 2"),
    ],
)
def test_a_half_that_is_not_there_is_refused(tmp_path, game, half, message):
    bank = Bank(write(tmp_path / "bank.h5"))
    with pytest.raises(InputError, match=message) as caught:
        bank.nearest(game, half, np.zeros(1))
    assert caught.value.file == bank.path


def test_a_row_knows_its_place(tmp_path):
    bank = Bank(write(tmp_path / "bank.h5"))
    assert bank.place(2) == ("l/2015 A 1 - 0 B", 1, 2.0)
    assert bank.place(3) == ("l/2015 A 1 - 0 B", 2, 0.0)
    assert bank.place(5) == ("m/2015 A 1 - 0 B", 1, 4.5)


def test_other_files_are_refused(tmp_path):
    good = write(tmp_path / "bank.h5").read_bytes()
    text, empty, cut = (tmp_path / name for name in ("text.h5", "empty.h5", "cut.h5"))
    text.write_text("no bank")
    empty.write_bytes(b"")
    cut.write_bytes(good[: len(good) // 2])
    for path in (text, empty, cut):
        what = "is damaged or cut short; make it again" if path == cut else "is not a bank; make one"
        with pytest.raises(InputError, match=f"{what} with build-bank"):
            Bank(path)
    with pytest.raises(InputError, match="no such file"):
        Bank(tmp_path / "missing.h5")


def test_other_hdf5_files_are_refused(tmp_path):
    path = tmp_path / "frames.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "comedian frames"
    with pytest.raises(InputError, match="is not a bank but comedian frames; make one with build-bank"):
        Bank(path)


def test_a_newer_version_is_refused(tmp_path):
    path = write(tmp_path / "bank.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2
    with pytest.raises(InputError, match="newer version"):
        Bank(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write(tmp_path / "bank.h5")
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write(path, teacher=object())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
