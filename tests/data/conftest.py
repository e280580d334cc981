"""Frames files of three halves."""

import pytest

from comedian.data.halves import Halves
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from tests.data.make_halves import make_half


@pytest.fixture
def halves(tmp_path):
    make_half(tmp_path / "game a" / "1_x.h5", 41)
    make_half(tmp_path / "game a" / "2_x.h5", 64)
    make_half(tmp_path / "game b" / "1_x.h5", 20)
    return Halves.open(find_games([tmp_path], FRAMES_SUFFIXES))
