"""What commands warn of, and check-data before."""

from types import SimpleNamespace

import numpy as np
import pytest

from comedian.data.remarks import inside, meant_rate, remark_lengths, remark_shared
from comedian.formats.actions import Action


@pytest.mark.parametrize(
    ("end", "said"), [(8, ""), (12.9, ""), (16, "x.h5 ends at 8 s, in the bank at 16 s"), (2, "at 2 s")]
)
def test_frames_and_bank_of_different_lengths_are_said(end, said):
    """As where build-bank was not told that features come twice a second."""
    file = SimpleNamespace(path="x.h5", seconds=np.array([0.0, 8.0]), half=1)
    bank = SimpleNamespace(seconds=np.array([0.0, end]), rows=lambda game, half: slice(0, 2))
    messages = remark_lengths(bank, SimpleNamespace(files=[file], name_of=lambda number: "a"))
    assert len(messages) == bool(said)
    assert all(said in message and "was build-bank told the rate?" in message for message in messages)


@pytest.mark.parametrize(
    ("rows", "seconds", "rate"),
    [
        (2700, 2700, 1),
        (5400, 2701, 2),
        (1350, 2700, 0.5),
        (25, 1, 25),
        (4000, 2700, None),
        (0, 9, None),
        (9, 0, None),
    ],
)
def test_the_rate_that_was_meant(rows, seconds, rate):
    assert meant_rate(rows, seconds) == rate


def test_what_lies_within_a_half():
    actions = [Action(1, position, "Goal") for position in (-1001, -1000, 0, 9999, 11_000, 11_001)]
    assert [action.position_ms for action in inside(actions, 10.0)] == [-1000, 0, 9999, 11_000]


def test_games_on_both_sides_are_said():
    """By the ends of their paths, whatever they lie in; blanks may be underscores."""
    training = ["/x/league/2026/A_1 - 0 B/1_224p.mkv", "/x/league/2026/C 2 - 2 D/1.mkv"]
    (said,) = remark_shared(training, ["/y/league/2026/A 1 - 0 B/2_720p.mkv", "clips/final.mkv"])
    assert said.endswith("so that the score says little: league/2026/A_1 - 0 B")
    assert remark_shared(training, ["/y/league/2025/A_1 - 0 B/1_224p.mkv"]) == []
