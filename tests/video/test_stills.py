"""Single pictures at given times, whatever the container: their numbers tell which they are."""

import pytest

from comedian.errors import InputError
from comedian.video.stills import stills
from tests.make_video import encode, number_in, steady

TIMES = (5.0, 0.0, 2.0, 2.0, 2.04, 4.98, 99.0)


def numbers(path, seconds=TIMES, height=64) -> list[tuple[float, int]]:
    return [(second, number_in(picture)) for second, picture in stills(path, seconds, height)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_the_picture_on_screen(tmp_path, name):
    """At 25 frames a second, to the nearest tenth of a second; past the end there is none."""
    path = encode(tmp_path / name, steady(150))
    shift = 0 if name != "a.avi" else numbers(path, [0])[0][1]  # an AVI's first frames may come late
    assert shift == 0
    assert numbers(path) == [(0.0, 0), (2.0, 50), (2.0, 50), (2.04, 50), (4.98, 125), (5.0, 125)]
    assert numbers(path, []) == []


def test_its_shape_is_the_pictures_own_also_when_turned(tmp_path):
    path = encode(tmp_path / "a.mkv", steady(30))
    assert [picture.shape for _, picture in stills(path, [1], 32)] == [(32, 48, 3)]
    turned = encode(tmp_path / "b.mp4", steady(30), matrix=(0, 1, -1, 0))
    assert [picture.shape for _, picture in stills(turned, [1], 96)] == [(96, 64, 3)]


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "a.mkv").write_text("words")
    with pytest.raises(InputError, match="is not a video"):
        list(stills(tmp_path / "a.mkv", [1], 32))
