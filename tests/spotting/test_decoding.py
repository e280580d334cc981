"""Frames that are decoded before there is a network; what is made of them is asked in test_sources.py."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from comedian.errors import InputError
from comedian.formats.frames import Geometry
from comedian.spotting import sources
from comedian.spotting.decoding import Decoding, first_begun
from comedian.spotting.halves import find_sources
from comedian.spotting.sources import score_sources
from comedian.weights.load import load_spotter

CPU = torch.device("cpu")


def scores_of(halves, spotter, begun=None, say=lambda message: None) -> np.ndarray:
    runs = score_sources(halves, [spotter], spotter.spot, CPU, say=say, begun=begun)
    return np.concatenate([run.probabilities for run in runs])


@pytest.fixture
def halves(tiny):
    return find_sources([tiny.video.parent])[0]


def test_nothing_of_it_imports_torch():
    line = "import sys, comedian.spotting.decoding; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line]).returncode == 0


def test_what_was_begun_gives_the_same_scores_and_is_taken_once(tiny, halves, monkeypatch):
    made = []
    monkeypatch.setattr(sources, "Decoding", lambda *of: made.append(of) or Decoding(*of))
    spotter = load_spotter(tiny.spotter)
    same = [halves[0], halves[0], halves[1]]
    wanted = scores_of(same, spotter)
    made.clear()
    with first_begun(same, [str(tiny.spotter)]) as begun:
        np.testing.assert_array_equal(scores_of(same, spotter, begun), wanted)
    assert [of[0] for of in made] == same[1:]


def test_frames_that_the_spotter_does_not_want_are_dropped(tiny, halves):
    spotter, threads = load_spotter(tiny.spotter), threading.active_count()
    wanted = scores_of(halves, spotter)
    begun = Decoding(halves[0], Geometry(1.0, 16, 16, "screen"))
    np.testing.assert_array_equal(scores_of(halves, spotter, begun), wanted)
    assert threading.active_count() == threads


@pytest.mark.parametrize("weights", [[], ["nowhere.safetensors"], ["hf:nobody/nothing"], ["."], [__file__]])
def test_weights_that_say_nothing_begin_nothing(halves, weights):
    with first_begun(halves, weights) as begun:
        assert begun is None


def test_no_half_or_one_of_frames_begins_nothing(tiny):
    for found in ([], find_sources([tiny.half])[0]):
        with first_begun(found, [str(tiny.spotter)]) as begun:
            assert begun is None


def test_errors_within_the_block_leave_it_and_stop_decoding(tiny, halves):
    threads = threading.active_count()
    with pytest.raises(InputError, match="no such"), first_begun(halves, [str(tiny.spotter)]):
        load_spotter("nowhere.safetensors")
    assert threading.active_count() == threads


def test_damage_is_told_behind_the_last_frame(tiny, tmp_path):
    """Of what was begun, too, however long before it was found."""
    video = tmp_path / "1_224p.mkv"
    video.write_bytes(tiny.video.read_bytes()[:-20_000])
    (half,), _ = find_sources([video])
    said = []
    with first_begun([half], [str(tiny.spotter)]) as begun:
        frames = begun.frames(said.append)
        seconds = [second for second, _ in frames if not said]
    assert len(said) == 1
    assert said[0].startswith(f"{video}: damaged: ")
    assert seconds == [0.0, 0.5, 1.0]
