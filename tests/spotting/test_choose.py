"""Windows and suppression chosen on games with labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from comedian.formats.actions import Action
from comedian.recipes.stages import SpotRecipe
from comedian.spotting import choose as module
from comedian.spotting.choose import EncodedHalf, choose_spot
from comedian.spotting.sliding import encode_half, join, score_stream, score_tokens, token_seconds
from tests.spotting.test_sliding import CPU, random_half, small_spotter


@pytest.mark.parametrize("num_frames", [1, 7, 8, 61])
def test_a_half_scored_from_its_tokens_is_a_half_scored_from_its_frames(num_frames):
    spotter, spot = small_spotter(reach=1.0), SpotRecipe(1, "average", stride_tokens=2)
    images, seconds = random_half(num_frames)
    frames = list(zip(seconds, images, strict=True))
    times, tokens = encode_half(frames, spotter, CPU)
    one, other = (
        score_tokens(tokens, times, spotter, spot, CPU),
        join(score_stream(frames, [spotter], spot, CPU)),
    )
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    np.testing.assert_array_equal(one.offsets, other.offsets)
    np.testing.assert_array_equal(one.seconds, other.seconds)
    np.testing.assert_allclose(token_seconds(seconds), times)


def some_halves(spotter, number=3):
    halves = []
    for game in range(number):
        images, seconds = random_half(80, seed=game)
        times, tokens = encode_half(zip(seconds, images, strict=True), spotter, CPU)
        actions = [Action(1, 1000 * second, spotter.classes[second % 3]) for second in range(3, 38, 7)]
        halves.append(EncodedHalf(game, 1, times, tokens, actions))
    return halves


def test_the_best_of_all_ways_is_chosen():
    spotter = small_spotter(num_tokens=8)
    spotter.spot, halves = SpotRecipe(0), some_halves(spotter)
    chosen = choose_spot(halves, spotter, CPU)
    ways = [spotter.spot, *module._windows(spotter)]
    assert {(way.stride_tokens or 4, way.ignored_seconds) for way in ways} == {
        (4, 0), (4, 1), (4, 2), (2, 0), (2, 1), (2, 2), (2, 3), (1, 0), (1, 1), (1, 2), (1, 3)
    }  # fmt: skip
    scores = [module._scores(halves, spotter, way, module.WAYS, CPU).max() for way in ways]
    own = [module.Way(chosen.suppression, chosen.window_seconds)]
    assert module._scores(halves, spotter, chosen, own, CPU).max() == pytest.approx(max(scores))


def test_where_nothing_is_better_the_spotters_own_stays(monkeypatch):
    spotter = small_spotter(num_tokens=8)
    spotter.spot = SpotRecipe(1, "average", suppression="hard", window_seconds=7.0)
    monkeypatch.setattr(
        module, "_scores", lambda halves, spotter, way, ways, device: np.full(len(ways), 0.5)
    )
    assert choose_spot([], spotter, CPU) == spotter.spot


def test_the_score_is_the_official_one_over_classes_with_labels():
    from comedian.evaluation.cells import GameResult
    from comedian.evaluation.metrics import evaluate
    from comedian.spotting.spots import to_spots
    from comedian.spotting.suppress import suppress

    spotter = small_spotter()
    halves, spot = some_halves(spotter), SpotRecipe(1)
    halves = [replaced._replace(actions=replaced.actions[:2]) for replaced in halves]
    results = []
    for half in halves:
        scores = score_tokens(half.tokens, half.seconds, spotter, spot, CPU)
        spots = list(suppress(to_spots(scores, spotter.classes), "hard", 4.0))
        results.append(GameResult(str(half.game), half.actions, spots))
    expected = evaluate(results, spotter.classes, ("tight",))["metrics"]["tight"]["a_mAP_present_classes"]
    (found,) = module._scores(halves, spotter, spot, [module.Way("hard", 4.0)], torch.device("cpu"))
    assert found == pytest.approx(expected, abs=1e-9)
    assert replace(spot, merge="average") != spot
