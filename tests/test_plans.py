"""The table of a plan: what is known, what isn't, and what doesn't fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from comedian import plans
from comedian.plans import Plan, Timed, Written, counted, duration, free_bytes, size

PLAN = Plan(
    steps=["one", "two"],
    times=[Timed("here", 7200.0), Timed("there", 3600.0)],
    memory="1 GB",
    folder=None,
    written=[Written("a.h5", 2_000_000)],
    reads="3 files",
    trial="2 s",
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.21, "3.2 s"),
        (9.96, "10 s"),
        (99.4, "99 s"),
        (100, "1.7 minutes"),
        (5900, "98 minutes"),
        (6000, "1.7 hours"),
        (3600 * 12.4, "12 hours"),
        (3600 * 12345.0, "12,345 hours"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_sizes_and_counts():
    texts = [size(number) for number in (0, 999, 1000, 34_123_456, 1.21e9, 3e12)]
    assert texts == ["0 bytes", "999 bytes", "1 kB", "34.1 MB", "1.21 GB", "3 TB"]
    assert [counted(number, "half") for number in (1, 2)] == ["1 half", "2 halves"]
    assert counted(12_000, "frame") == "12,000 frames"


def test_the_table():
    assert str(PLAN).splitlines() == [
        "steps   one",
        "        two",
        "time    about 3.0 hours: here 2.0 hours, there 60 minutes",
        "memory  1 GB",
        "disk    2 MB",
        "files   reads 3 files",
        "        writes a.h5 (2 MB)",
        "trial   2 s",
    ]
    assert (PLAN.seconds, PLAN.num_bytes) == (10_800.0, 2_000_000)


def test_what_is_not_known_is_said():
    part = replace(PLAN, times=[Timed("here", 1.0), Timed("there", None)], remarks=["odd"])
    part = replace(part, written=[Written("a.h5", None)])
    lines = part.lines()
    assert part.seconds is None
    assert "time    not known: here 1.0 s, there not known" in lines
    assert "disk    0 bytes, and what is not known" in lines
    assert "        writes a.h5 (not known)" in lines
    assert lines[-1] == "note    odd"


def test_the_disk_is_that_of_the_folder_to_be(tmp_path, monkeypatch):
    goal = tmp_path / "not" / "there yet"
    assert free_bytes(goal) > 0
    assert free_bytes(Path("a name in the working folder")) > 0
    monkeypatch.setattr(plans, "free_bytes", lambda folder: 2_500_000)
    fits = replace(PLAN, folder=goal)
    assert f"disk    2 MB at most; 2.5 MB free in {goal}" in fits.lines()
    assert (
        f"disk    3 MB at most; 2.5 MB free in {goal}: TOO LITTLE"
        in replace(fits, meanwhile=[Written("b", 10**6)]).lines()
    )
    assert not goal.exists()
