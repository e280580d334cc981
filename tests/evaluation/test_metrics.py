"""The official score: against its own result, and against its rules one by one."""

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.evaluation.cells import Cells, GameResult
from comedian.evaluation.chance import chance
from comedian.evaluation.metrics import METRICS, evaluate
from comedian.evaluation.pairing import collect, pair
from comedian.formats.actions import Action
from comedian.formats.lookup import Labels
from comedian.formats.soccernet import list_soccernet, read_soccernet
from comedian.recipes.model import SOCCERNET_CLASSES
from tests.evaluation.some_spots import CLASSES, spot

REAL = Path(__file__).resolve().parents[2] / "../shared/data/soccernet-v2-test"


def scored(actions, spots, metric="tight", **options):
    result = evaluate([GameResult("game", actions, spots)], CLASSES, (metric,), **options)
    return result["metrics"][metric], result["warnings"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real labels and predictions are not here")
def test_equals_the_official_result_to_the_last_bit():
    results = REAL / "netvlad"
    videos = collect(read_soccernet(results), list_soccernet(results))
    games, remarks = pair(videos, Labels(videos, REAL / "labels"))
    assert remarks == []
    found = evaluate(games, SOCCERNET_CLASSES, tuple(METRICS))
    official = json.loads((REAL / "netvlad.official.json").read_text())
    assert [found[key] for key in ("n_games", "framerate", "classes")] == [
        official[key] for key in ("n_games", "framerate", "classes")
    ]
    assert set(found["metrics"]) == set(official["metrics"])
    for name, metric in official["metrics"].items():
        del metric["seconds"]
        assert {key: found["metrics"][name][key] for key in metric} == metric


# --- the rules, sentence by sentence --------------------------------------------------------------


def naive_cells(entries, r, value):
    """One dict by frame for each (half, class); the later entry replaces the earlier."""
    number_of_frames = 120 * 60 * r
    cells = {}
    for half, position_ms, label, raw in entries:
        frame = min(int(r * (int(position_ms) / 1000)), number_of_frames - 1)
        frame = frame + number_of_frames if frame < 0 else frame
        if half in (1, 2) and label in CLASSES:
            cells.setdefault((half, label), {})[frame] = value(raw)
    return cells


def naive_pool(games, label, tolerance, r):
    """(confidence, true or not, visibility of the owner) of every prediction; and targets by visibility."""
    pool, count = [], {1: 0, -1: 0}
    for game in games:
        labelled = naive_cells(
            [(a.half, a.position_ms, a.label, a.visibility) for a in game.actions],
            r,
            lambda visibility: -1 if visibility == "not shown" else 1,
        )
        spotted = naive_cells(
            [(s["half"], s["position_ms"], s["label"], s["confidence"]) for s in game.spots], r, float
        )
        for half in (1, 2):
            targets = dict(sorted(labelled.get((half, label), {}).items()))
            predictions = {f: c for f, c in sorted(spotted.get((half, label), {}).items()) if c >= 0}
            for visibility in targets.values():
                count[visibility] += 1
            used = set()
            for target in targets:
                reach = [f for f in predictions if abs(f - target) <= tolerance * r / 2 and f not in used]
                if reach:
                    used.add(max(reach, key=lambda f: predictions[f]))  # the earliest on ties
            frames = list(targets)
            starts = [0] + [(a + b) // 2 for a, b in pairwise(frames)]
            for frame, confidence in predictions.items():
                owner = -1
                for start, target in zip(starts, frames, strict=False):
                    if start <= frame:
                        owner = targets[target]
                pool.append((confidence, frame in used, owner))
    return pool, count


def naive_precision(pool, count, kind):
    wanted = {"all": (1, -1), "visible": (1,), "unshown": (-1,)}[kind]
    pool = [(confidence, true) for confidence, true, owner in pool if owner in wanted]
    n = sum(count[visibility] for visibility in wanted)
    curve = []
    for threshold in np.linspace(0, 1, 200):
        taken = [true for confidence, true in pool if confidence >= threshold]
        curve.append((sum(taken) / n if n else 0.0, sum(taken) / len(taken) if taken else 0.0))
    total = 0.0
    for j in range(11):
        total += max([precision for recall, precision in curve if recall >= j / 10], default=0.0)
    return total / 11


def naive_average(values):
    if len(values) == 1:
        return values[0]
    total = 0.0
    for left, right in pairwise(values):
        total += (left + right) / 2
    return total / (len(values) - 1)


def naive_evaluate(games, metric, r):
    tolerances = {"tight": range(1, 6), "loose": range(5, 61, 5)}.get(metric, [int(metric[-1:], 36)])
    pools = {(k, label): naive_pool(games, label, k, r) for k in tolerances for label in CLASSES}
    result = {}
    for kind, suffix in (("all", ""), ("visible", "_visible"), ("unshown", "_unshown")):
        rows = [[naive_precision(*pools[k, label], kind) for label in CLASSES] for k in tolerances]
        mean = naive_average([np.mean(row) for row in rows])
        factor = kind == "unshown" and len(rows) > 1
        result[f"a_mAP{suffix}"] = mean * 17 / 13 if factor else mean
        result[f"a_mAP_per_class{suffix}"] = {
            label: naive_average(column)
            for label, column in zip(CLASSES, zip(*rows, strict=True), strict=True)
        }
    return result


halves = st.sampled_from([1, 1, 1, 2, 2, 3])
labels = st.sampled_from([*CLASSES[:2], "Goal", "other"])
positions = (
    st.integers(0, 100_000)
    | st.integers(0, 160).map(lambda frame: 500 * frame)
    | st.sampled_from([-400, -700, -60_000, 7_199_999, 7_200_000, 9_000_000])
    | st.floats(0, 60_000)
)
confidences = st.sampled_from([0, 0.5, 1, 1.5, -0.1, float("nan"), float("inf"), 100 / 199]) | st.floats(
    0, 1
)
visibilities = st.sampled_from(["visible", "not shown", "unshown"])
games = st.lists(
    st.builds(
        GameResult,
        st.just("game"),
        st.lists(st.builds(Action, halves, positions, labels, visibilities), max_size=25),
        st.lists(st.builds(spot, positions, confidences, labels, halves), max_size=40),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(games=games, metric=st.sampled_from([*METRICS]), r=st.sampled_from([1, 2, 3, 25]))
def test_equals_the_rules_to_the_last_bit(games, metric, r):
    expected = naive_evaluate(games, metric, r)
    found = evaluate(games, CLASSES, (metric,), r)["metrics"][metric]
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("seed", range(24))
def test_crowds_equal_the_rules_to_the_last_bit(seed):
    """Half a minute full of actions and spots, with ties, of changing visibility."""
    rng = random.Random(seed)
    r, metric = rng.choice([1, 2, 2, 3, 25]), rng.choice([*METRICS])
    levels = [rng.random() for _ in range(4)]

    def entry():
        return rng.randint(1, 2), rng.randrange(30_000), rng.choice(CLASSES)

    games = [
        GameResult(
            "game",
            [Action(*entry(), rng.choice(["visible", "not shown"])) for _ in range(rng.randint(0, 40))],
            [spot(at, rng.choice(levels), name, half) for half, at, name in (entry() for _ in range(60))],
        )
        for _ in range(3)
    ]
    expected = naive_evaluate(games, metric, r)
    found = evaluate(games, CLASSES, (metric,), r)["metrics"][metric]
    assert {key: found[key] for key in expected} == expected


def test_frames_come_from_the_official_float_expression():
    """At 25 frames a second whole numbers would give other frames."""
    cells = Cells(CLASSES, 25)
    frames = [cells.frame(position_ms) for position_ms in range(20_000)]
    assert frames == [int(25 * (position_ms / 1000)) for position_ms in range(20_000)]
    assert frames != [25 * position_ms // 1000 for position_ms in range(20_000)]


@settings(max_examples=10, deadline=None)
@given(games=games)
def test_metrics_do_not_depend_on_each_other(games):
    together = evaluate(games, CLASSES, tuple(METRICS))["metrics"]
    assert together == {
        metric: evaluate(games, CLASSES, (metric,))["metrics"][metric] for metric in METRICS
    }


# --- single rules, by hand ------------------------------------------------------------------------


def test_k_seconds_means_half_of_it_either_way():
    action = [Action(1, 10_000, "Goal")]
    for offset_ms, found in ((500, 1 / 3), (-500, 1 / 3), (1000, 0.0)):
        metric, _ = scored(action, [spot(10_000 + offset_ms)], "at1")
        assert metric["a_mAP"] == pytest.approx(found)


def test_absent_classes_count_nothing_and_it_is_said():
    """Five of seventeen present, all perfect, score 0.294."""
    actions = [Action(1, 60_000 * number, name) for number, name in enumerate(SOCCERNET_CLASSES[:5])]
    spots = [spot(action.position_ms, 1.0, action.label) for action in actions]
    result = evaluate([GameResult("game", actions, spots)])
    assert round(result["metrics"]["tight"]["a_mAP"], 3) == 0.294
    assert result["metrics"]["tight"]["a_mAP_present_classes"] == 1
    assert any("12 of 17 classes have no label" in warning for warning in result["warnings"])


def test_the_last_prediction_of_a_frame_wins():
    metric, warnings = scored([Action(1, 0, "Goal")], [spot(0, 0.9), spot(100, -1.0)])
    assert metric["a_mAP"] == 0
    assert metric["per_delta"]["n_detections"]["Goal"] == 0
    assert any("the last counts: 1 spot less" in warning for warning in warnings)


def test_a_confidence_of_zero_counts_and_below_does_not():
    for confidence, precision in ((0.0, 1.0), (-1e-9, 0.0), (float("nan"), 0.0)):
        metric, _ = scored([Action(1, 0, "Goal")], [spot(0, confidence)])
        assert metric["a_mAP_per_class"]["Goal"] == precision


def test_warnings_name_the_traps():
    actions = [Action(1, 0, "Goal"), Action(1, 10, "Goal"), Action(2, 0, "Foul", "not shown")]
    actions += [Action(1, 0, "Header"), Action(2, 8_000_000, "Corner")]
    _, warnings = scored(actions, [spot(-600), spot(0, label="Dance"), spot(0, half=4)])
    text = "\n".join(warnings)
    for part in (
        "two actions of a class in one frame (1/2 s) count once: 1 action less",
        "Header",
        "--classes",
        "Dance",
        "past 120 minutes",
        "negative",
        "periods other than halves 1 and 2 do not count: 0 actions, 1 spot left out",
        "17/13",
        "half 2 of game",
    ):
        assert part in text
    assert len(warnings) == 8


@pytest.mark.parametrize(
    ("confidences", "what"),
    [
        ([90, 20], "2 confidences lie outside 0…1 (20 to 90): below 0 and NaN are no predictions, above 1"),
        ([-2.2], "1 confidence lies outside 0…1 (-2.2)"),
        ([float("nan"), 0.5], "1 confidence lies outside 0…1 (1 NaN)"),
        ([float("inf"), float("nan"), -1], "3 confidences lie outside 0…1 (-1 to inf, 1 NaN)"),
        ([0, 1, 0.5], ""),
    ],
)
def test_confidences_that_are_no_fractions_are_said(confidences, what):
    _, warnings = scored(
        [Action(1, 0, "Goal")], [spot(5000 * n, value) for n, value in enumerate(confidences)]
    )
    found = [warning for warning in warnings if "confidence" in warning]
    assert [warning[: len(what)] for warning in found] == ([what] if what else [])


def test_labels_that_people_wrote_otherwise_are_quoted_with_the_class():
    actions = [Action(1, 0, "Goal "), Action(1, 0, "corner"), Action(1, 0, "Dance")]
    _, warnings = scored(actions, [spot(0, label="GOAL")])
    text = "\n".join(warnings)
    assert (
        "labels outside the classes do not count: 'Dance', 'Goal ' (is 'Goal' meant?), 'corner' (is" in text
    )
    assert "spots outside the classes do not count: 'GOAL' (is 'Goal' meant?)" in text


@pytest.mark.parametrize(
    ("actions", "what"),
    [
        ([Action(1, 0, "Goal", "Not shown")], "visibility 'Not shown' counts as visible; only 'not shown'"),
        ([Action(1, -400, "Goal")], "1 negative position: they fall into the first frame"),
        ([Action(2, 0, "Goal")], "no label, so that every spot is wrong, in half 1 of game"),
        (
            [Action(3, 0, "Goal")],
            "periods other than halves 1 and 2 do not count: 1 action, 0 spots left out",
        ),
        (
            [Action(1, 0, "Goal"), Action(2, 2_701_000, "Goal"), Action(2, 2_900_000, "Foul")],
            "all labels of half 2 lie past 45:00, as on the match clock; they count from the",
        ),
    ],
)
def test_labels_that_cannot_be_right_are_said(actions, what):
    _, warnings = scored(actions, [spot(0)])
    assert any(what in warning for warning in warnings)


def test_games_without_a_spot_are_missed_and_said():
    seen = GameResult("seen", [Action(1, 0, "Goal")], [spot(0, 1.0)])
    missed = GameResult("missed", [Action(1, 0, "Goal")], [])
    result = evaluate([seen, missed], ("Goal",), ("at1",))
    assert result["n_games"] == 2
    assert result["metrics"]["at1"]["a_mAP"] == pytest.approx(6 / 11)  # recall stops at one half
    assert any("1 game with labels but no spot" in warning for warning in result["warnings"])


def test_a_clean_game_has_no_warning():
    actions = [Action(half, 1000, name) for half in (1, 2) for name in CLASSES]
    assert scored(actions, [spot(1000, 1.0, name, half) for half in (1, 2) for name in CLASSES])[1] == []


def test_positions_before_any_half_are_an_error():
    with pytest.raises(InputError, match="before its half"):
        scored([], [spot(-7_300_000)])


def test_nothing_at_all_scores_zero():
    for games in ([], [GameResult("empty", [], [])]):
        result = evaluate(games, CLASSES)
        assert result["metrics"]["tight"]["a_mAP"] == 0
        assert chance(games, CLASSES, draws=2)["metrics"]["tight"]["a_mAP"] == 0


def test_the_result_is_plain_json():
    result = evaluate([GameResult("g", [Action(1, 0, "Goal")], [spot(0)])], CLASSES, tuple(METRICS))
    result["chance"] = chance([GameResult("g", [Action(1, 0, "Goal")], [])], CLASSES, tuple(METRICS), 2)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


# --- chance and table -----------------------------------------------------------------------------
