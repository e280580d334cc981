"""Scores files: what is written comes back to the bit, and what is not one is told."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.scores import Scores, ScoresFile, is_scores_file, write_scores

HALVES = [
    Scores("a b/1_224p.mkv", 1, np.arange(5) + 0.25, np.random.default_rng(0).random((5, 3), np.float32)),
    Scores("a b/2_224p.mkv", 2, np.arange(4) + 0.25, np.random.default_rng(1).random((4, 3), np.float32)),
]


def test_round_trip(tmp_path):
    write_scores(tmp_path / "scores.h5", HALVES, ("Goal", "Foul", "Corner"), "{}")
    file = ScoresFile(tmp_path / "scores.h5")
    assert file.classes == ("Goal", "Foul", "Corner")
    for read, written in zip(file, HALVES, strict=True):
        assert (read.video, read.half) == (written.video, written.half)
        np.testing.assert_array_equal(read.seconds, written.seconds)
        np.testing.assert_array_equal(read.probabilities, written.probabilities)


def test_offsets_stay_and_older_versions_read_what_has_none(tmp_path):
    path, rng = tmp_path / "scores.h5", np.random.default_rng(2)
    moved = [replace(half, offsets=rng.normal(size=(len(half.seconds), 3)).astype("f")) for half in HALVES]
    for halves, version in ((HALVES, 1), (moved, 2)):
        write_scores(path, halves, ("Goal", "Foul", "Corner"), "{}")
        with h5py.File(path) as file:
            assert file.attrs["version"] == version
    for read, written in zip(ScoresFile(path), moved, strict=True):
        np.testing.assert_array_equal(read.offsets, written.offsets)
    with h5py.File(path, "r+") as file:
        file["00001/offsets"][2, 1] = np.nan
    with pytest.raises(InputError, match="half 00001: row 2 of offsets holds nan; make it again"):
        list(ScoresFile(path))


def test_broken_files_are_told(tmp_path):
    path = tmp_path / "scores.h5"
    write_scores(path, HALVES, ("Goal", "Foul", "Corner"), "{}")
    path.write_bytes(path.read_bytes()[:1000])
    assert not is_scores_file(path)
    with pytest.raises(InputError, match="scores"):
        ScoresFile(path)
    with pytest.raises(InputError, match="scores"):
        ScoresFile(tmp_path / "absent.h5")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.25, 1.5])
def test_probabilities_beyond_0_to_1_are_told(value, tmp_path):
    path = tmp_path / "scores.h5"
    write_scores(path, HALVES, ("Goal", "Foul", "Corner"), "{}")
    with h5py.File(path, "r+") as file:
        file["00001/probabilities"][2, 1] = value
    with pytest.raises(
        InputError, match=rf"h5, half 00001: row 2 of probabilities holds {value:g}; make it"
    ):
        list(ScoresFile(path))


def test_other_hdf5_and_newer_versions_are_told(tmp_path):
    path = tmp_path / "scores.h5"
    h5py.File(path, "w").close()
    with pytest.raises(
        InputError,
        match=r"is not a scores file but some other HDF5 file; make one with spot --",
    ):
        ScoresFile(path)
    write_scores(path, HALVES, ("Goal", "Foul", "Corner"), "{}")
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 3
    with pytest.raises(InputError, match="was written by a newer version; update comedian"):
        ScoresFile(path)


def test_many_halves_keep_their_order(tmp_path):
    halves = [
        Scores(f"game {number}", 1, HALVES[0].seconds, HALVES[0].probabilities) for number in range(120)
    ]
    write_scores(tmp_path / "scores.h5", halves, ("Goal", "Foul", "Corner"), "{}")
    found = [half.video for half in ScoresFile(tmp_path / "scores.h5")]
    assert found == [half.video for half in halves]
