import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.scores import HalfScores, ScoresFile, is_scores_file, write_scores

HALVES = [
    HalfScores(
        "a b/1_224p.mkv", 1, np.arange(5) + 0.25, np.random.default_rng(0).random((5, 3), np.float32)
    ),
    HalfScores(
        "a b/2_224p.mkv", 2, np.arange(4) + 0.25, np.random.default_rng(1).random((4, 3), np.float32)
    ),
]


def test_round_trip(tmp_path):
    write_scores(tmp_path / "scores.h5", HALVES, ("Goal", "Foul", "Corner"), "{}")
    file = ScoresFile(tmp_path / "scores.h5")
    assert file.classes == ("Goal", "Foul", "Corner")
    for read, written in zip(file, HALVES, strict=True):
        assert (read.video, read.half) == (written.video, written.half)
        np.testing.assert_array_equal(read.seconds, written.seconds)
        np.testing.assert_array_equal(read.probabilities, written.probabilities)


def test_broken_files_are_told(tmp_path):
    path = tmp_path / "scores.h5"
    write_scores(path, HALVES, ("Goal", "Foul", "Corner"), "{}")
    path.write_bytes(path.read_bytes()[:1000])
    assert not is_scores_file(path)
    with pytest.raises(InputError, match="scores"):
        ScoresFile(path)
    with pytest.raises(InputError, match="scores"):
        ScoresFile(tmp_path / "absent.h5")
