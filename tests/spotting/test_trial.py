"""A plan of spotting: near what it then takes, of videos and of frames, and nothing is written."""

import json

import pytest
import torch

from comedian.formats.scores import write_scores
from comedian.spotting import trial
from comedian.spotting.halves import find_sources
from comedian.spotting.sources import join_halves, score_sources
from comedian.spotting.spots import to_spots
from comedian.spotting.trial import spotting_plan
from comedian.weights.load import load_spotter

CPU = torch.device("cpu")


@pytest.fixture
def spotter(tiny):
    return load_spotter(tiny.spotter)


@pytest.mark.parametrize("kind", ["videos", "frames"])
def test_bytes_are_those_of_the_run(tiny, spotter, tmp_path, kind):
    halves, _ = find_sources([getattr(tiny, kind)])
    output, scores = tmp_path / "out" / "a.jsonl", tmp_path / "out" / "a.h5"
    found = spotting_plan(halves, [spotter], spotter.spot, CPU, 0.0, output, scores)
    assert not output.parent.exists()
    assert found.seconds > 0
    of_spots, of_scores = found.written
    runs = join_halves(score_sources(halves, [spotter], spotter.spot, CPU))
    spots = [json.dumps(spot) for run in runs for spot in to_spots(run, spotter.classes, 0.0)]
    assert of_spots.num_bytes == pytest.approx(sum(len(spot) + 1 for spot in spots), rel=0.1)
    write_scores(tmp_path / "a.h5", runs, spotter.classes, "{}")
    real = (tmp_path / "a.h5").stat().st_size
    assert 0 <= of_scores.num_bytes - real < 10_000 * len(halves)


def test_the_trial_ends_in_time(tiny, spotter, monkeypatch):
    monkeypatch.setattr(trial, "TRIAL_SECONDS", 0.0)
    halves, _ = find_sources([tiny.videos])
    found = spotting_plan(halves, [spotter], spotter.spot, CPU)
    assert ": 1 frame of one half, on cpu" in found.trial
    assert found.seconds > 0


def test_windows_are_counted(tiny, spotter):
    """Windows of 4 tokens slide by 2: 120 tokens of four halves of 30 s, so about 60 windows."""
    halves, _ = find_sources([tiny.frames])
    (steps,) = spotting_plan(halves, [spotter] * 2, spotter.spot, CPU).steps
    assert steps == "4 halves, 2.0 minutes of video: 118 tokens, about 59 windows for 2 spotters"


def test_nothing_to_do_is_a_plan_too(spotter):
    assert spotting_plan([], [spotter], spotter.spot, CPU).seconds == 0
