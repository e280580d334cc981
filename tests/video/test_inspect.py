"""Videos by their packets' times, and by all of their pictures: both tell the same of whole ones."""

import pytest

from comedian.errors import InputError
from comedian.video.inspect import inspect
from tests.make_video import encode, encode_sound, steady

KINDS = [
    ("a.mp4", {}),
    ("a.mkv", {}),
    ("a.mkv", {"b_frames": 0}),
    ("a.avi", {"codec": "mpeg4", "b_frames": 0}),
    ("a.ts", {}),
    ("a.mpg", {"codec": "mpeg2video"}),
    ("a.webm", {"codec": "libvpx"}),
]


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_whole_videos(name, options, decode, tmp_path):
    path = encode(tmp_path / name, steady(250), **options)
    found = inspect(path, decode)
    assert found.damage == ""
    assert not found.is_variable
    assert found.num_frames == 250
    assert found.end_seconds == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_variable_rate(name, decode, tmp_path):
    times = [number / 25 for number in range(500) if number % 5]
    found = inspect(encode(tmp_path / name, times), decode)
    assert found.is_variable
    assert found.uneven_fraction == pytest.approx(0.25, abs=0.01)


def test_a_few_dropped_frames_are_no_variable_rate(tmp_path):
    times = [number / 25 for number in range(1000) if number not in (100, 500)]
    assert not inspect(encode(tmp_path / "a.mkv", times)).is_variable


@pytest.mark.parametrize("decode", [False, True])
def test_what_was_cut_off(decode, tmp_path):
    path = encode(tmp_path / "a.mkv", steady(2000), sound_seconds=80)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    found = inspect(path, decode)
    assert found.end_seconds < 70
    assert "ends at" in found.damage


@pytest.mark.parametrize("decode", [False, True])
def test_a_hole(decode, tmp_path):
    """Pictures and sound are missing for half a minute."""
    times = [*steady(250), *steady(250, start=40)]
    found = inspect(encode(tmp_path / "a.mkv", times, sound_seconds=10), decode)
    assert "no picture for 30 s from 0:10" in found.damage
    assert found.end_seconds == pytest.approx(50, abs=0.1)


def test_the_start_is_that_of_the_container(tmp_path):
    found = inspect(encode(tmp_path / "a.mkv", steady(250, start=5), sound_seconds=15))
    assert found.end_seconds == pytest.approx(15, abs=0.1)


def test_what_is_no_video(tmp_path):
    (tmp_path / "a.mkv").write_bytes(b"no")
    for path in (tmp_path / "a.mkv", tmp_path / "b.mkv", encode_sound(tmp_path / "c.mp4"), tmp_path):
        with pytest.raises(InputError):
            inspect(path)
