"""Spots that offsets move: clipped to the half, in time order, however the scores arrive."""

from operator import itemgetter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comedian.formats.scores import Scores
from comedian.spotting.merge import Merge, Said, averaged
from comedian.spotting.spots import spots_in_order, to_spots

CLASSES = ("Goal", "Foul")
REACH = 2.0


def random_half(length, seed, half=1, start_ms=None):
    rng = np.random.default_rng(seed)
    scores = rng.random((length, 2), dtype=np.float32)
    offsets = rng.uniform(-REACH, REACH, (length, 2)).astype(np.float32)
    return Scores("m.mkv", half, np.arange(length) + 0.25, scores, start_ms, offsets)


def cut(scores, ends):
    """The runs of a half, as they come from a stream."""
    for first, end in zip([0, *ends], [*ends, len(scores.seconds)], strict=True):
        if end > first:
            part = slice(first, end)
            yield Scores(
                scores.video,
                scores.half,
                scores.seconds[part],
                scores.probabilities[part],
                scores.video_start_ms,
                scores.offsets[part],
            )


def test_an_offset_moves_a_spot_and_the_half_holds_it():
    scores = np.array([[0.9, 0.0], [0.0, 0.8], [0.7, 0.6]], np.float32)
    offsets = np.array([[-1.0, 0.0], [0.0, -0.5], [1.5, -1.75]], np.float32)
    half = Scores("m.mkv", 2, np.arange(3) + 0.25, scores, 60_000, offsets)
    found = [(one["position_ms"], one["video_ms"], one["label"]) for one in to_spots(half, CLASSES, 0.5)]
    assert [position for position, _, _ in found] == [0, 500, 750, 2250]
    assert [video - position for position, video, _ in found] == [60_000] * 4
    assert [label for _, _, label in found] == ["Goal", "Foul", "Foul", "Goal"]


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 40),
    seed=st.integers(0, 99),
    ends=st.lists(st.integers(0, 40), max_size=6),
    start_ms=st.sampled_from([None, 90_000]),
)
def test_runs_give_the_spots_of_the_whole_half_in_time_order(length, seed, ends, start_ms):
    ends = sorted(min(end, length) for end in ends)
    halves = [random_half(length, seed, 1, start_ms), random_half(length, seed + 1, 2, start_ms)]
    runs = [run for half in halves for run in cut(half, ends)]
    found = [(part.half, list(part.spots)) for part in spots_in_order(runs, CLASSES, 0.3, REACH)]
    for half in halves:
        spots = [spot for number, some in found for spot in some if number == half.half]
        whole = list(to_spots(half, CLASSES, 0.3))
        assert [spot["position_ms"] for spot in spots] == [spot["position_ms"] for spot in whole]
        key = itemgetter("position_ms", "label", "confidence")
        assert sorted(spots, key=key) == sorted(whole, key=key)


def test_spots_come_before_the_half_is_over():
    runs = list(cut(random_half(20, 0), [10]))
    first = next(spots_in_order(runs, CLASSES, 0.3, REACH))
    assert first.seconds == 9.25
    assert list(first.spots)
    assert all(spot["position_ms"] <= 7250 for spot in first.spots)


def test_the_offset_of_the_most_central_window_counts():
    merge, scores = Merge("max", 1), np.zeros((4, 1), np.float32)
    distance = np.array([1.5, 0.5, 0.5, 1.5])
    for start in (0, 2):
        offsets = np.full((4, 1), start + 1, np.float32)
        merge.put(start, Said(scores, offsets), distance)
    found = merge.take(6, with_offsets=True).offsets
    assert found[:, 0].tolist() == [1, 1, 1, 3, 3, 3]


def test_several_spotters_weigh_offsets_by_their_probabilities():
    sure = Said(np.array([[0.9, 0.0]], np.float32), np.array([[1.0, 2.0]], np.float32))
    unsure = Said(np.array([[0.1, 0.0]], np.float32), np.array([[-1.0, 0.0]], np.float32))
    without = Said(np.array([[0.5, 0.0]], np.float32), None)
    assert averaged([sure, unsure]).offsets[0].tolist() == pytest.approx([0.8, 1.0])
    assert averaged([sure, without]).offsets[0].tolist() == pytest.approx([0.9 / 1.4, 1.0])
    assert averaged([without, without]).offsets is None
    assert averaged([sure]).offsets is sure.offsets
