"""One period of a video: the frames of the whole, between two times, counted from its start."""

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.periods import Period
from comedian.video.parallel import sample_apart
from comedian.video.period import length_of, slots_of
from tests.make_video import encode, number_in, steady

SIZE = (48, 32)
FORMS = ("mkv", "mp4", "ts", "avi")


@pytest.fixture(scope="module", params=FORMS)
def video(request, tmp_path_factory):
    name = f"match.{request.param}"
    codec = "mpeg4" if request.param == "avi" else "libx264"
    return encode(tmp_path_factory.mktemp("videos") / name, steady(500), codec=codec, b_frames=0)  # 20 s


def frames(video, period=None, processes=1, **options):
    found = list(sample_apart(video, 2, SIZE, processes=processes, period=period, **options))
    return [seconds for seconds, _ in found], np.array([number_in(rgb) for _, rgb in found])


@pytest.mark.parametrize(
    "period", [Period(1, 0, 7_000), Period(1, 3_100, 9_750), Period(2, 12_340), Period(2, 19_000, 30_000)]
)
def test_its_frames_are_those_of_the_whole(video, period):
    first, end = slots_of(period, 2)
    seconds, numbers = frames(video)
    own_seconds, own_numbers = frames(video, period)
    last = min(end, len(seconds))
    assert own_numbers.tolist() == numbers[first:last].tolist()
    expected = [max(time - period.start_ms / 1000, 0) for time in seconds[first:last]]
    assert own_seconds == pytest.approx(expected)


def test_several_processes_agree(video, monkeypatch):
    monkeypatch.setattr("comedian.video.parallel.SHORTEST_SECONDS", 1.2)
    period = Period(2, 3_100, 17_000)
    for one, other in zip(frames(video, period), frames(video, period, processes=3), strict=True):
        assert np.array_equal(one, other)


def test_a_period_behind_the_end_is_told(video):
    with pytest.raises(InputError, match=r"holds no frame at 0:20 or later; check the periods"):
        frames(video, Period(2, 20_500))
    with pytest.raises(InputError, match="ends at 00:20, before period 2 begins at 01:00"):
        length_of(Period(2, 60_000), 20.0, video)
    said: list[str] = []
    frames(video, Period(2, 3_000, 25_000), on_damage=said.append)
    frames(video, Period(2, 3_000, 20_500), on_damage=said.append)
    assert said == ["ends at 00:20, before period 2 does, at 00:25"]


def test_lengths():
    assert length_of(Period(1, 2_000, 5_000), 20.0, "x") == 3
    assert length_of(Period(2, 2_000), 20.0, "x") == 18
    assert length_of(Period(2, 2_000), None, "x") is None
