import json

import pytest

from comedian.errors import InputError
from comedian.formats.clocks import clock, hours_clock, parse_clock
from comedian.formats.periods import (
    Period,
    in_file,
    in_period,
    parse_periods,
    periods_beside,
    periods_of,
    write_periods,
)

TWO = (Period(1, 30_000, 2_770_000), Period(2, 3_725_000))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:30", 30),
        ("46:10", 2770),
        ("1:02:05", 3725),
        ("90:00", 5400),
        ("12.5", 12.5),
        (" 44:59,5 ", 2699.5),
    ],
)
def test_times_as_people_write_them(text, seconds):
    assert parse_clock(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "1:60", "1:60:00", "-1", "1:2:3:4", "1e3", "٣", "nan", ":30"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="is no time"):
        parse_clock(text)


def test_clocks():
    assert (clock(3725.9), hours_clock(3725.9996)) == ("62:05", "1:02:06.000")


def test_from_the_command_line():
    assert parse_periods(["2=1:02:05-", "1=0:30-46:10"], "--half") == TWO
    assert parse_periods([], "--half") == ()
    assert parse_periods(["3=0-15:00", "4=16:00-"], "--half")[1] == Period(4, 960_000)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["1"], "'1' is no PERIOD=START-END"),
        (["1=a-b"], "'a' is no time like 44:59.5"),
        (["0=0-1"], "no PERIOD=START-END"),
        (["1=10:00-5:00"], "period 1 ends before it begins"),
        (["1=0-10:00", "2=9:00-"], "periods 1 and 2 overlap"),
        (["1=0-", "2=9:00-"], "periods 1 and 2 overlap"),
        (["1=0-1:00", "1=2:00-"], "period 1 comes after period 1"),
        (["2=0-1:00", "1=2:00-"], "period 1 comes after period 2"),
    ],
)
def test_what_cannot_be(texts, told):
    with pytest.raises(InputError, match=r"^--half: ") as caught:
        parse_periods(texts, "--half")
    assert told in str(caught.value)


def test_beside_the_video(tmp_path):
    video = tmp_path / "match.mkv"
    assert periods_beside(video) == ()
    write_periods(video, TWO)
    assert periods_beside(video) == TWO
    path = tmp_path / "match.mkv.periods.json"
    for content in ("", "[]", "{}", '{"intervals": 3}', '{"intervals": [{"period": "x"}]}'):
        path.write_text(content)
        with pytest.raises(InputError, match=r"write it as|write them as"):
            periods_beside(video)
    path.write_text(json.dumps({"intervals": [{"period": 10, "start_time_ms": 0}]}))
    with pytest.raises(InputError, match="'period' is 10, not 1 to 9"):
        periods_beside(video)


def test_one_clock_and_the_other():
    assert in_period(TWO, 29_999) is in_period(TWO, 2_770_000) is None
    assert in_period(TWO, 30_000) == (1, 0)
    assert in_period(TWO, 3_725_250) == (2, 250)
    assert (in_file(TWO, 2, 250), in_file(TWO, 3, 0)) == (3_725_250, None)
    assert periods_of([{"period": "2", "start_time_ms": 3_725_000, "end_time_ms": None}], "x") == TWO[1:]
