"""What stands in a plan for files that are not made yet: as long and as large as those will be."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from comedian.bank.build import bank_from_features
from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.frames import FramesFile
from comedian.formats.games import FRAMES_SUFFIXES, VIDEO_SUFFIXES, find_games
from comedian.recipes.bank import BankRecipe
from comedian.recipes.frames import FramesRecipe
from comedian.training.stand_ins import BankToBe, StartToBe, halves_to_be
from comedian.video.extract import extract_all, plan
from tests.training.stages import MODEL

SIZE = FramesRecipe.size


def test_halves_are_those_that_extraction_makes(tiny, tmp_path):
    found = halves_to_be([str(tiny.videos)])
    list(extract_all(plan(find_games([tiny.videos], VIDEO_SUFFIXES), tmp_path), FramesRecipe(), 1))
    made = Halves.open(find_games([tmp_path], FRAMES_SUFFIXES))
    assert (found.names, found.games, found.geometry) == (made.names, made.games, made.geometry)
    for one, other in zip(found.files, made.files, strict=True):
        assert (one.video, one.half, one.fps) == (other.video, other.half, other.fps)
        assert abs(len(one) - len(other)) <= 1
        assert np.allclose(one.seconds[:50], other.seconds[:50], atol=0.5)


def test_pictures_are_real_ones_that_repeat(tiny):
    (file, *_) = halves_to_be([str(tiny.video)]).files
    pictures = file.read(range(len(file)))
    assert pictures.shape == (len(file), *SIZE[::-1], 3)
    assert pictures.std() > 10
    beginning = copy(file)
    beginning.seconds = beginning.seconds[:5]
    assert (len(beginning), isinstance(beginning, FramesFile)) == (5, True)
    assert (beginning.read([3]) == pictures[3]).all()
    assert len(file) > 50, "the other is as it was"


def test_a_game_without_a_video(tmp_path):
    (tmp_path / "games.txt").write_text("a/b\n")
    with pytest.raises(InputError, match="has no video"):
        halves_to_be([str(tmp_path / "games.txt")])


def test_a_bank_has_a_row_a_second(tiny, tmp_path):
    halves = Halves.open(find_games([tiny.frames], FRAMES_SUFFIXES))
    found = BankToBe(tmp_path / "bank.h5", halves)
    features = find_games([tiny.features], frozenset({".npy"}))
    bank_from_features(features, tmp_path / "real.h5", replace(BankRecipe(), dim=6))
    real = Bank(tmp_path / "real.h5")
    assert len(found.features) == len(real.features) == 120
    assert found.features.dtype == real.features.dtype
    assert np.allclose(np.linalg.norm(found.features, axis=1), 1, atol=1e-2)
    for number, file in enumerate(halves.files):
        times = np.array([0.2, 7.0, 29.9])
        rows = found.nearest(halves.name_of(number), file.half, times)
        assert rows.tolist() == [30 * number, 30 * number + 7, 30 * number + 29]


@pytest.mark.parametrize("distilled", [False, True])
def test_weights_of_the_step_before(distilled, tiny):
    halves = Halves.open(find_games([tiny.frames], FRAMES_SUFFIXES))
    start = StartToBe("a.safetensors", distilled)
    assert (start.files, start.header) == ([], None)
    assert start.spatial(MODEL, halves.geometry).recipe == MODEL
    assert (start.temporal(MODEL, halves.geometry) is not None) == distilled
