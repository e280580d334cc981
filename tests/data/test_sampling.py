"""Clips of an epoch."""

from typing import get_args

import numpy as np
import pytest
from scipy.stats import chisquare

from comedian.data.halves import Halves
from comedian.data.sampling import (
    draw_clips,
    every_second,
    share_between_halves,
    stratified_windows,
    uniform_windows,
)
from comedian.errors import InputError
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.recipes.stages import Sampler
from tests.data.make_halves import make_half


def test_every_second_is_every_whole_second_once(halves):
    clips = every_second(halves.files)
    assert [start for half, start in clips if half == 0] == list(range(0, 40, 2))
    assert [start for half, start in clips if half == 1] == list(range(0, 64, 2))
    assert [start for half, start in clips if half == 2] == list(range(0, 20, 2))


@pytest.mark.parametrize("num_frames", [2, 5, 16, 20])
@pytest.mark.parametrize(("fps", "step"), [(2.0, 2), (5.0, 5), (12.5, 12.5)])
def test_every_second_has_a_clip_unless_it_would_end_outside(tmp_path, num_frames, fps, step):
    counts = [20, 41, 64]
    for number, count in enumerate(counts):
        make_half(tmp_path / f"{number}" / "1_x.h5", count, fps)
    clips = every_second(Halves.open(find_games([tmp_path], FRAMES_SUFFIXES)).files, num_frames)
    for half, count in enumerate(counts):
        starts = [start for index, start in clips if index == half]
        whole = [second * step for second in range(count) if round(second * step) + num_frames <= count]
        assert starts == [round(start) for start in whole]
        assert max(starts) + num_frames <= count


def test_stratified_windows_fall_one_in_each_stretch(halves):
    rng = np.random.default_rng(0)
    for _ in range(300):
        windows = stratified_windows(halves.files[:2], 16, [4, 7], rng)
        for half, count in ((0, 4), (1, 7)):
            starts = windows[windows[:, 0] == half][:, 1]
            stretch = (len(halves.files[half]) - 16 + 1) / count
            edges = np.arange(count + 1) * stretch
            assert (np.floor(edges[:-1]) <= starts).all()
            assert (starts < edges[1:]).all()


def spread(counts):
    """How likely even draws are to come out as uneven as these."""
    return chisquare(counts).pvalue


def test_stratified_windows_are_even_inside_their_stretch_and_apart(halves):
    rng = np.random.default_rng(1)
    draws = [stratified_windows(halves.files[1:2], 16, [7], rng)[:, 1] for _ in range(3000)]
    starts, places = np.array(draws), np.arange(49) // 7  # 49 starts, 7 in each stretch
    assert (places[starts] == np.arange(7)).all()
    for stretch in range(7):
        assert spread(np.bincount(starts[:, stretch] - 7 * stretch, minlength=7)) > 1e-4
    together = np.bincount(7 * (starts[:, 0] % 7) + starts[:, 1] % 7, minlength=49)
    assert spread(together) > 1e-4  # one stretch says nothing about the next


def test_uniform_windows_hold_both_edges_and_reach_everywhere(halves):
    rng = np.random.default_rng(0)
    starts = []
    for _ in range(2000):
        windows = uniform_windows(halves.files[1:2], 16, [5], rng)[:, 1]
        assert list(windows[:2]) == [0, 48]
        starts += list(windows[2:])
    counts = np.bincount(starts, minlength=49)
    assert len(counts) == 49
    assert spread(counts) > 1e-4


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_windows_longer_than_a_half_are_told(halves, sampler):
    with pytest.raises(InputError, match=r"game b/1_x.h5: has 20 frames, a window needs 32"):
        draw_clips(sampler, halves, 32, 2, np.random.default_rng(0))


def test_a_sampler_is_drawn_by_its_name(halves):
    def drawn(sampler, seed=0):
        return draw_clips(sampler, halves, 16, 8, np.random.default_rng(seed))

    np.testing.assert_array_equal(drawn("every-second"), every_second(halves.files, 16))
    for sampler, draw in (("stratified", stratified_windows), ("uniform", uniform_windows)):
        expected = draw(halves.files, 16, [4, 4, 8], np.random.default_rng(0))
        np.testing.assert_array_equal(drawn(sampler), expected)
        assert len(drawn(sampler, 1)) == len(expected) == 16
        assert not np.array_equal(drawn(sampler, 1), expected)
    assert np.array_equal(drawn("every-second", 1), drawn("every-second"))


@pytest.mark.parametrize("per_game", [1, 2, 7, 50])
def test_a_games_windows_are_shared_by_its_halves(per_game):
    shares = share_between_halves([0, 0, 1, 2, 2], per_game)
    assert shares[0] + shares[1] == shares[2] == shares[3] + shares[4] == per_game
    assert abs(shares[0] - shares[1]) <= 1
