"""What became of each spot and each label."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comedian.evaluation.cells import GameResult
from comedian.evaluation.counts import count
from comedian.evaluation.errors import KINDS, list_errors
from comedian.formats.actions import Action
from tests.evaluation.some_spots import CLASSES, spot
from tests.evaluation.test_study import some_games


def errors(actions, spots, tolerance=2, framerate=2, videos=("g/1_224p.mkv",)):
    whole = [{"video": videos[0] if videos else "g", **one} for one in spots]
    return list(list_errors([GameResult("g", actions, whole, videos)], CLASSES, tolerance, framerate))


def kinds(actions, spots, **options):
    return [line["error"] for line in errors(actions, spots, **options)]


GOAL = [Action(1, 60_000, "Goal")]


@pytest.mark.parametrize(
    ("spots", "expected"),
    [
        ([spot(60_400)], ["hit"]),
        ([spot(61_000)], ["hit"]),
        ([spot(61_500)], ["miss", "wrong place"]),
        ([spot(59_400, 0.2), spot(60_000, 0.9)], ["duplicate", "hit"]),
        ([spot(60_000, label="Foul")], ["wrong class", "miss"]),
        ([spot(60_000), spot(60_500, label="Foul")], ["hit", "wrong class"]),
        ([spot(91_000)], ["miss", "false alarm"]),
        ([spot(90_000)], ["miss", "wrong place"]),
        ([spot(60_000), spot(70_000)], ["hit", "false alarm"]),
        ([spot(50_000, 0.9), spot(65_000, 0.2)], ["wrong place", "miss", "false alarm"]),
        ([spot(60_000, half=2)], ["miss", "false alarm"]),
        ([spot(60_000, float("nan")), spot(60_000, -0.5)], ["miss"]),
        ([spot(60_000, label="Dance"), spot(60_000, half=3)], ["miss"]),
        ([], ["miss"]),
    ],
)
def test_each_kind(spots, expected):
    assert kinds(GOAL, spots) == expected


def test_a_line_says_where_the_spot_and_the_label_are():
    actions = [Action(1, 60_000, "Goal"), Action(1, 90_000, "Foul", "not shown")]
    spots = [{**spot(60_700, 0.8), "team": "left", "video_ms": 75_700}, spot(89_500, 0.3, "Corner")]
    spots[1]["video_ms"] = 104_500
    assert errors(actions, spots, 2) == [
        {"video": "g/1_224p.mkv", "half": 1, "position_ms": 60_700, "label": "Goal", "confidence": 0.8}
        | {"team": "left", "video_ms": 75_700, "error": "hit", "label_ms": 60_000, "offset_ms": 700},
        {"video": "g/1_224p.mkv", "half": 1, "position_ms": 89_500, "label": "Corner", "confidence": 0.3}
        | {"video_ms": 104_500, "error": "wrong class", "label_ms": 90_000, "offset_ms": -500}
        | {"true_label": "Foul"},
        {"video": "g/1_224p.mkv", "half": 1, "position_ms": 90_000, "label": "Foul", "confidence": 0}
        | {"video_ms": 105_000, "error": "miss", "label_ms": 90_000, "visibility": "not shown"},
    ]


def test_of_two_labels_near_a_wrong_class_the_missed_one_is_meant():
    actions = [Action(1, 60_000, "Goal"), Action(1, 60_500, "Foul")]
    lines = errors(actions, [spot(60_000), spot(60_000, label="Corner")])
    (wrong,) = (line for line in lines if line["error"] == "wrong class")
    assert wrong["true_label"] == "Foul"


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        (("/d/g/1_224p.mkv", "/d/g/2_224p.mkv"), "/d/g/2_224p.mkv"),
        (("/d/g/1_224p.mkv",), "/d/g/2"),
        (("r/l/s/g/1",), "r/l/s/g/2"),
        (("/d/match.mkv",), "/d/match.mkv"),
        ((), "g/2"),
    ],
)
def test_a_miss_names_the_video_of_its_half(videos, expected):
    (line,) = errors([Action(2, 0, "Goal")], [], videos=videos)
    assert line["video"] == expected


def test_games_and_halves_come_in_order():
    games = [GameResult(name, [Action(2, 0, "Goal"), Action(1, 5000, "Goal")], []) for name in "ab"]
    lines = list(list_errors(games, CLASSES, 5))
    assert [(line["video"], line["half"]) for line in lines] == [
        ("a/1", 1),
        ("a/2", 2),
        ("b/1", 1),
        ("b/2", 2),
    ]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), tolerance=st.sampled_from([1, 2, 5, 60]), rate=st.sampled_from([1, 2, 25])
)
def test_every_spot_and_every_label_has_one_line(seed, tolerance, rate):
    """And hits are as many as the official score counts."""
    rng = random.Random(seed)
    games = some_games(2, seed, rng.random())
    lines = list(list_errors(games, CLASSES, tolerance, rate))
    number = Counter(line["error"] for line in lines)
    counts = count(games, CLASSES, [tolerance], rate)
    assert set(number) <= set(KINDS)
    assert number["hit"] == counts.true[:, 0, :, 0].sum()
    assert number["hit"] + number["miss"] == counts.labels.sum()
    assert len(lines) - number["miss"] == sum(len(game.spots) for game in games)
    for game in games:
        wrong = [
            line for line in list_errors([game], CLASSES, tolerance, rate) if line["error"] == "wrong place"
        ]
        places = Counter((line["half"], line["label"], line["label_ms"]) for line in wrong)
        assert all(times == 1 for times in places.values()), "a missed label has one spot in a wrong place"
