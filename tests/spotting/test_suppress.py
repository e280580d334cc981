"""Suppression against loops that do what the words say."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.spotting.suppress import METHODS, suppress, suppress_half


def naive_soft(times, scores, width_ms, threshold):
    scores, reach, kept = list(scores), width_ms / 2, {}
    while max(scores, default=-1.0) >= threshold:
        best = scores.index(max(scores))
        kept[best] = scores[best]
        scores = [
            score * (abs(time - times[best]) / reach) if abs(time - times[best]) < reach else score
            for time, score in zip(times, scores, strict=True)
        ]
        scores[best] = -math.inf
    return kept


def naive_hard(times, scores, width_ms, threshold):
    scores, kept = list(scores), {}
    while max(scores, default=-1.0) >= threshold:
        best = scores.index(max(scores))
        kept[best] = scores[best]
        for index, time in enumerate(times):
            if index == best or abs(time - times[best]) <= width_ms / 2:
                scores[index] = -math.inf
    return kept


def naive_peak(times, scores, width_ms, threshold):
    pairs = list(zip(times, scores, strict=True))
    return {
        index: score
        for index, (time, score) in enumerate(pairs)
        if score >= threshold
        and all(score >= other for when, other in pairs if abs(when - time) <= width_ms / 2)
    }


NAIVE = {"soft": naive_soft, "hard": naive_hard, "peak": naive_peak}


def spot(position_ms, confidence, label="Goal", half=1, video="a/1_224p.mkv", **more):
    return {
        "video": video,
        "half": half,
        "position_ms": position_ms,
        "label": label,
        "confidence": confidence,
    } | more


grid = st.integers(0, 60).map(lambda frame: frame * 500)
rows = st.tuples(
    grid | st.integers(0, 30000) | st.floats(0, 30000),
    st.sampled_from([0.0, 0.0005, 0.001, 0.2, 0.5, 0.9, 1.0]) | st.floats(0, 1),
    st.sampled_from(["Goal", "Foul"]),
)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)  # a busy machine is no error
@given(
    rows=st.lists(rows, max_size=40),
    width=st.sampled_from([1, 3, 5, 10, 17, 0.3]),
    foul_width=st.none() | st.sampled_from([2, 12]),
    threshold=st.sampled_from([0.001, 0.1]),
)
def test_equals_the_naive_loop_to_the_last_bit(method, rows, width, foul_width, threshold):
    spots = [spot(*row, number=number) for number, row in enumerate(rows)]
    windows = {} if foul_width is None else {"Foul": foul_width}
    found = list(suppress(spots, method, width, windows, threshold))
    expected = []
    for label in ("Goal", "Foul"):
        some = sorted((one for one in spots if one["label"] == label), key=lambda one: one["position_ms"])
        times = [one["position_ms"] for one in some]
        scores = [one["confidence"] for one in some]
        kept = NAIVE[method](times, scores, 1000 * windows.get(label, width), threshold)
        expected += [some[index] | {"confidence": score} for index, score in kept.items()]
    assert sorted(found, key=lambda one: one["number"]) == sorted(expected, key=lambda one: one["number"])
    assert [one["position_ms"] for one in found] == sorted(one["position_ms"] for one in found)


def test_soft_by_hand():
    found = suppress_half([spot(0, 0.5), spot(2500, 1.0), spot(5000, 0.8), spot(7500, 0.4)], "soft", 10)
    # 1.0 is taken; 0.8·½ = 0.4 and 0.4·1 tie, the earlier goes first; 0.5·½ = 0.25; 0.4·½ = 0.2
    assert [one["confidence"] for one in found] == [0.25, 1.0, 0.4, 0.2]


def test_default_widths_and_threshold():
    pair = [spot(0, 1.0), spot(2500, 0.9), spot(4000, 0.8), spot(60000, 0.0009)]
    assert [one["confidence"] for one in suppress(pair, "hard")] == [1.0, 0.8]
    assert [one["confidence"] for one in suppress(pair, "peak")] == [1.0]
    assert [one["confidence"] for one in suppress(pair)] == pytest.approx([1.0, 0.45 * 0.3, 0.64])
    assert len(list(suppress(pair, threshold=0))) == 4


def test_ties_go_to_the_earliest_but_peaks_stay():
    tie = [spot(1000, 0.5), spot(2000, 0.5), spot(2000, 0.5, number=2)]
    assert list(suppress(tie, "hard")) == tie[:1]
    assert list(suppress(tie, "peak")) == tie


def test_no_window_suppresses_nothing_of_another_time():
    some = [spot(0, 0.5), spot(500, 0.6)]
    for method in METHODS:
        assert list(suppress(some, method, 0)) == some


def test_twins_in_time_with_no_threshold():
    twins = [spot(0, 1.0), spot(0, 0.5), spot(0, 0.25), spot(2500, 0.75)]
    found = suppress_half(twins, "soft", 10, threshold=0)
    assert [one["confidence"] for one in found] == [1.0, 0.0, 0.0, 0.375]


def test_labels_and_halves_do_not_touch_each_other():
    some = [spot(0, 0.5), spot(0, 0.4, "Foul"), spot(0, 0.3, half=2), spot(0, 0.2, video="b")]
    assert list(suppress(some)) == some


def test_input_is_left_alone_and_keys_pass_through():
    some = [spot(0, 1.0, team="home"), spot(1000, 0.9, team="away")]
    copies = [dict(one) for one in some]
    assert [one["team"] for one in suppress(some)] == ["home", "away"]
    assert some == copies


def test_one_half_is_held_at_a_time():
    def spots():
        yield spot(0, 0.5)
        yield spot(0, 0.5, half=2)
        raise AssertionError("read on before the first half was out")

    assert next(suppress(spots()))["half"] == 1


def test_a_half_that_comes_back_is_an_error():
    with pytest.raises(InputError, match="sort"):
        list(suppress([spot(0, 0.5), spot(0, 0.5, half=2), spot(1, 0.5)]))
