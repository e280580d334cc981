"""Sliding must equal recomputing every window, however the frames arrive."""

import numpy as np
import pytest
import torch

from comedian.data.augment import MEAN, STD, to_input
from comedian.errors import InputError
from comedian.formats.frames import Geometry
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.sliding import are_alike, join, score_stream
from comedian.spotting.spots import to_spots

SMALL = {
    "image_height": 16,
    "image_width": 16,
    "patch_size": 8,
    "embed_dim": 12,
    "depth": 1,
    "drop_path": 0.0,
}
CPU = torch.device("cpu")


def small_spotter(num_tokens=8, seed=0, reach=0.0):
    torch.manual_seed(seed)
    recipe = ModelRecipe(**SMALL, num_tokens=num_tokens, temporal_depth=1)
    spotter = Spotter(recipe, ("Goal", "Foul", "Corner"), reach).eval()
    torch.nn.init.normal_(spotter.heads.classes.weight, std=1.0)
    spotter.geometry = Geometry(fps=2.0, width=16, height=16, sampling="screen")
    return spotter


def random_half(num_frames, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (num_frames, 16, 16, 3), dtype=np.uint8)
    return images, np.arange(num_frames) / 2


def slow_scores(spotter, images, spot):
    """Section 3.5, sentence by sentence, with every window computed from its frames."""
    if len(images) % 2:
        images = np.concatenate([images, images[-1:]])
    total, length = len(images) // 2, spotter.recipe.num_tokens
    stride = spot.stride_tokens or length // 2
    starts = list(range(0, max(total - length, 0) + 1, stride))
    if starts[-1] + length < total:
        starts.append(total - length)
    found = [[[] for _ in spotter.classes] for _ in range(total)]
    for start in starts:
        frames = torch.from_numpy(images[2 * start : 2 * (start + length)])[None]
        with torch.no_grad():
            probabilities = spotter(to_input(frames, (16, 16)))[0].sigmoid().numpy()
        for token, row in enumerate(probabilities):
            early = token < spot.ignored_seconds and start > 0
            late = token >= len(probabilities) - spot.ignored_seconds and start != starts[-1]
            if not (early or late):
                for label, value in enumerate(row):
                    found[start + token][label].append(value)
    merge = max if spot.merge == "max" else lambda values: sum(values) / len(values)
    return np.array([[merge(values) for values in row] for row in found])


@pytest.mark.parametrize("num_frames", [1, 2, 7, 15, 16, 17, 18, 24, 25, 26, 31, 32, 33, 150, 301])
@pytest.mark.parametrize(
    "spot",
    [
        SpotRecipe(2, "max"),
        SpotRecipe(0, "average"),
        SpotRecipe(1, "average"),
        SpotRecipe(3, "average", stride_tokens=2),
        SpotRecipe(0, "max", stride_tokens=7),
    ],
)
def test_sliding_equals_recomputing_every_window(num_frames, spot):
    spotter = small_spotter()
    images, seconds = random_half(num_frames)
    parts = list(score_stream(zip(seconds, images, strict=True), [spotter], spot, CPU))
    scores = join(parts)
    expected = slow_scores(spotter, images, spot)
    assert scores.probabilities.shape == expected.shape
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-6)
    ends = np.minimum(2 * np.arange(len(expected)) + 1, num_frames - 1)
    np.testing.assert_allclose(scores.seconds, (seconds[::2] + seconds[ends]) / 2)


def test_pixels_are_normalised_as_the_checkpoint_says():
    spotter = small_spotter()
    assert (spotter.mean, spotter.std) == (MEAN, STD)  # what training normalises with
    spotter.mean, spotter.std = 0.2, 0.7
    images, seconds = random_half(16)
    scores = join(score_stream(zip(seconds, images, strict=True), [spotter], SpotRecipe(0), CPU))
    with torch.no_grad():
        logits = spotter(to_input(torch.from_numpy(images)[None], (16, 16), 0.2, 0.7))[0]
    np.testing.assert_allclose(scores.probabilities, logits.sigmoid(), atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_takes_half_precision_for_the_spatial_half_only():
    spotter, gpu = small_spotter(), torch.device("cuda")
    images, seconds = random_half(90)
    frames = list(zip(seconds, images, strict=True))
    expected = join(score_stream(frames, [spotter], SpotRecipe(2), CPU)).probabilities
    seen = {}
    for name in ("spatial", "temporal"):
        block = getattr(spotter, name).blocks[0].mlp.fc1
        block.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.dtype}))
    found = join(score_stream(frames, [spotter], SpotRecipe(2), gpu)).probabilities
    assert seen == {"spatial": torch.bfloat16, "temporal": torch.float32}
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_scores_come_out_before_the_half_ends():
    images, seconds = random_half(600)
    seen = []
    frames = ((seen.append(second) or second, image) for second, image in zip(seconds, images, strict=True))
    first = next(score_stream(frames, [small_spotter()], SpotRecipe(2), CPU))
    assert len(first.seconds) > 0
    assert len(seen) < 200


def test_an_ensemble_is_the_mean_of_its_members():
    images, seconds = random_half(90)
    members = [small_spotter(8, seed=1), small_spotter(12, seed=2)]
    frames = list(zip(seconds, images, strict=True))
    alone = [join(score_stream(frames, [member], SpotRecipe(1), CPU)).probabilities for member in members]
    both = join(score_stream(frames, members, SpotRecipe(1), CPU)).probabilities
    np.testing.assert_allclose(both, np.mean(alone, axis=0), atol=1e-6)


@pytest.mark.parametrize(("qualities", "alike"), [((90, 90), True), ((90, 0), True), ((90, 80), False)])
def test_members_that_know_other_jpegs_see_other_frames(qualities, alike):
    members = [small_spotter(8, seed=seed) for seed in (1, 2)]
    members[0].jpeg_quality, members[1].jpeg_quality = qualities
    assert are_alike(*members) is alike


def test_scores_that_are_no_numbers_are_told():
    spotter, (images, seconds) = small_spotter(), random_half(40)
    spotter.heads.classes.bias.data[1] = np.nan  # as overflow within makes it
    frames = zip(seconds.tolist(), images, strict=True)
    with pytest.raises(InputError, match="scores are not numbers: its training diverged; train it again"):
        list(score_stream(frames, [spotter], SpotRecipe(1), CPU))


def test_bad_settings_are_told():
    with pytest.raises(InputError, match="gaps"):
        list(score_stream([], [small_spotter()], SpotRecipe(3), CPU))
    with pytest.raises(InputError, match="merge"):
        list(score_stream([], [small_spotter()], SpotRecipe(1, "mean"), CPU))
    other = small_spotter()
    other.classes = ("Goal",)
    with pytest.raises(InputError, match="classes"):
        list(score_stream([], [small_spotter(), other], SpotRecipe(1), CPU))


def test_spots_are_in_time_order_and_above_the_threshold():
    images, seconds = random_half(40)
    scores = join(
        score_stream(zip(seconds, images, strict=True), [small_spotter()], SpotRecipe(1), CPU, "m.mkv", 1)
    )
    spots = list(to_spots(scores, ("Goal", "Foul", "Corner"), threshold=0.5))
    assert len(spots) == (scores.probabilities >= 0.5).sum()
    assert [spot["position_ms"] for spot in spots] == sorted(spot["position_ms"] for spot in spots)
    assert spots[0].keys() == {"video", "half", "position_ms", "label", "confidence"}
    assert min(spot["confidence"] for spot in spots) >= 0.5


@pytest.mark.parametrize("spot", [SpotRecipe(2, "max"), SpotRecipe(3, "average", stride_tokens=2)])
def test_offsets_are_those_of_the_most_central_window(spot):
    spotter = small_spotter(reach=1.5)
    torch.nn.init.normal_(spotter.heads.offsets.weight, std=1.0)
    images, seconds = random_half(43)
    found = join(score_stream(zip(seconds, images, strict=True), [spotter], spot, CPU))
    tokens, length, stride = 22, 8, spot.stride_tokens or 4
    starts = sorted({*range(0, tokens - length + 1, stride), tokens - length})
    padded = np.concatenate([images, images[-1:]])
    for token in range(tokens):
        able = [start for start in starts if start <= token < start + length]
        start = min(able, key=lambda start: abs(token - start - (length - 1) / 2))
        frames = torch.from_numpy(padded[2 * start : 2 * (start + length)])[None]
        with torch.no_grad():
            said = spotter.outputs(to_input(frames, (16, 16)))["offsets"][0, token - start]
        np.testing.assert_allclose(found.offsets[token], said.clamp(-1.5, 1.5), atol=1e-5)


def test_windows_farther_apart_than_they_are_long_are_refused():
    with pytest.raises(InputError, match="a window every 9 tokens, of 8 tokens each, has gaps"):
        list(score_stream([], [small_spotter()], SpotRecipe(0, stride_tokens=9), CPU))
    with pytest.raises(InputError, match="ignore at most 0 tokens"):
        list(score_stream([], [small_spotter()], SpotRecipe(1, stride_tokens=8), CPU))
