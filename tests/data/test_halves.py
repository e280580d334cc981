"""The halves of a stage."""

import pytest

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from tests.data.make_halves import make_half


def test_halves_know_their_games(halves):
    assert halves.names == ["game a", "game b"]
    assert halves.games == [0, 0, 1]
    assert halves.name_of(2) == "game b"


@pytest.mark.parametrize("other", [{"size": (16, 16)}, {"fps": 4.0}, {"sampling": "ffmpeg"}])
def test_halves_must_be_alike(tmp_path, other):
    make_half(tmp_path / "a" / "1_x.h5", 20)
    make_half(tmp_path / "b" / "1_x.h5", 20, **other)
    with pytest.raises(InputError, match="extract all games alike"):
        Halves.open(find_games([tmp_path], FRAMES_SUFFIXES))
