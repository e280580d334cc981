"""Moments of a bank, and how they are named."""

import numpy as np
import pytest

from comedian.bank.query import nearest_moments, parse_moment
from comedian.errors import InputError
from comedian.formats.clocks import clock
from tests.bank.small_bank import build


def test_nearest_moments_find_a_repeated_moment(features):
    path = features / "2015 A 1 - 0 B" / "1_baidu_soccer_embeddings.npy"
    other = features / "2016 C 2 - 2 D" / "2_baidu_soccer_embeddings.npy"
    raw = np.load(other)
    raw[20] = np.load(path)[10]
    np.save(other, raw)
    bank, _ = build(features, dim=6)
    moments = nearest_moments(bank, "2015 A 1 - 0 B", 1, 10.2, num=5)
    assert [moment["cosine"] for moment in moments] == sorted(
        (moment["cosine"] for moment in moments), reverse=True
    )
    assert moments[0] == {
        "game": "2016 C 2 - 2 D",
        "half": 2,
        "position": "00:20",
        "seconds": 20.0,
        "cosine": 1.0,
    }
    assert len(moments) == 5


def test_nearest_moments_leave_out_five_seconds_around(features):
    bank, _ = build(features, dim=6)
    everything = nearest_moments(bank, "2015 A 1 - 0 B", 1, 10, num=1000)
    own = {
        moment["seconds"]
        for moment in everything
        if (moment["game"], moment["half"]) == ("2015 A 1 - 0 B", 1)
    }
    assert own == set(map(float, [*range(5), *range(16, 31)]))
    assert len(everything) == 126 - 11


def test_a_moment_after_the_end_is_refused(features):
    bank, _ = build(features, dim=6)
    with pytest.raises(InputError, match="ends at 00:30"):
        nearest_moments(bank, "2015 A 1 - 0 B", 1, 40)


@pytest.mark.parametrize(
    ("text", "half", "moment"),
    [
        ("A - B@12:34", None, ("A - B", 1, 754.0)),
        ("A - B@0:05.5", 2, ("A - B", 2, 5.5)),
        ("l/A@B/2_224p.mkv@90:00", None, ("l/A@B", 2, 5400.0)),
        ("l/A/2_224p.mkv@00:01", 1, ("l/A", 1, 1.0)),
    ],
)
def test_moments_are_read(text, half, moment):
    assert parse_moment(text, half) == moment


@pytest.mark.parametrize("text", ["A - B", "@12:34", "A@12", "A@12:60", "A@-1:00", "A@1:2:3"])
def test_other_moments_are_refused(text):
    with pytest.raises(InputError, match="GAME@MM:SS"):
        parse_moment(text)


def test_clock_counts_minutes_past_the_hour():
    assert clock(5400.9) == "90:00"
