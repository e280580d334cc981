"""What can be spotted, as a library; tests/cli/test_spot.py asks the rest of the command."""

import numpy as np
import pytest
import torch

from comedian.errors import InputError
from comedian.formats.frames import write_frames
from comedian.formats.scores import Scores, ScoresFile, write_scores
from comedian.spotting import halves as module
from comedian.spotting import sources
from comedian.spotting.halves import find_sources, frames_of
from comedian.spotting.sources import (
    average_saved,
    join_halves,
    load_ensemble,
    score_source,
    score_sources,
    score_video,
)
from comedian.weights.load import load_spotter


def saved(path, *halves: Scores, classes=("Goal", "Foul")) -> ScoresFile:
    write_scores(path, halves, classes, "{}")
    return ScoresFile(path)


def scores(video: str, value: float, times=(0.25, 1.25)) -> Scores:
    return Scores(video, 1, np.array(times), np.full((len(times), 2), value, np.float32))


def test_halves_of_several_files_are_averaged(tmp_path):
    files = [saved(tmp_path / "a.h5", scores("v", 0.2), scores("w", 0.5)), saved(tmp_path / "b.h5")]
    files.append(saved(tmp_path / "c.h5", scores("v", 0.6)))
    found = {half.video: half.probabilities for half in average_saved(files)}
    np.testing.assert_allclose(found["v"], 0.4, rtol=1e-6)
    np.testing.assert_array_equal(found["w"], np.full((2, 2), 0.5, np.float32))


def test_scores_of_other_times_or_classes_do_not_mix(tmp_path):
    one = saved(tmp_path / "a.h5", scores("v", 0.2))
    with pytest.raises(InputError, match="scores of v are of other times; use scores of equal frames"):
        list(average_saved([one, saved(tmp_path / "b.h5", scores("v", 0.2, (0.5, 1.5)))]))
    other = saved(tmp_path / "c.h5", scores("v", 0.2), classes=("Goal", "Corner"))
    with pytest.raises(InputError, match=r"c.h5: has other classes than .*a.h5; use scores of one kind"):
        list(average_saved([one, other]))


def test_runs_of_scores_join_to_what_score_video_gives(tiny):
    spotters = load_ensemble([tiny.spotter, tiny.other_spotter])
    sources, _ = find_sources([tiny.video.parent])
    seen, said = [], []
    report = lambda task, done, total: seen.append((task, done / total))  # noqa: E731
    runs = list(
        score_sources(sources, spotters, spotters[0].spot, torch.device("cpu"), report, said.append)
    )
    halves = join_halves(runs)
    assert [half.half for half in halves] == [1, 2]
    assert [half.video for half in halves] == [str(source.path) for source in sources]
    whole = score_video(tiny.video, spotters)
    np.testing.assert_array_equal(halves[0].probabilities, whole.probabilities)
    np.testing.assert_array_equal(halves[0].seconds, whole.seconds)
    assert said == []
    assert {task for task, _ in seen} == {"1/2 1_224p.mkv", "2/2 2_224p.mkv"}
    assert seen[-1][1] == 1


def test_a_video_gives_what_its_jpegs_would_where_a_frozen_encoder_knows_those(tiny, tmp_path):
    spotter = load_spotter(tiny.spotter)
    geometry, quality = spotter.trained_on, 30
    (source,), _ = find_sources([tiny.video])
    size = geometry.width, geometry.height
    about = {"video": tiny.video, "half": 1, "sampling": geometry.sampling, "provenance": "{}"}
    how = {"fps": geometry.fps, "size": size, "quality": quality, **about}
    write_frames(tmp_path / "1_224p.h5", frames_of(source, geometry), **how)
    as_it_is = score_video(tiny.video, [spotter])
    spotter.jpeg_quality = quality
    of_video, of_frames = (score_video(path, [spotter]) for path in (tiny.video, tmp_path / "1_224p.h5"))
    np.testing.assert_array_equal(of_video.probabilities, of_frames.probabilities)
    assert not np.array_equal(of_video.probabilities, as_it_is.probabilities)


def test_score_video_takes_one_file(tiny):
    with pytest.raises(InputError, match="A 1 - 0 B: is a folder; name one video or frames file"):
        score_video(tiny.video.parent, [load_spotter(tiny.spotter)])


def test_videos_go_before_frames_in_a_folder_of_both(tiny, tmp_path):
    (tmp_path / "1_224p.h5").symlink_to(tiny.half)
    (source,), _ = find_sources([tmp_path])
    assert source.frames is not None
    assert source.video == str(tiny.video)
    assert source.duration_seconds == 29.5
    (tmp_path / "1_224p.mkv").symlink_to(tiny.video)
    (source,), _ = find_sources([tmp_path])
    assert source.frames is None
    assert source.video == str(tmp_path / "1_224p.mkv")


def test_a_gpu_is_fed_by_all_cores(tiny, monkeypatch):
    asked = {}

    monkeypatch.setattr(module, "sample_apart", lambda path, **options: asked.update(options) or iter(()))
    monkeypatch.setattr(sources, "own_cores", lambda: 16)
    spotter = load_spotter(tiny.spotter)
    (half,), _ = find_sources([tiny.video])
    for device, processes in (("cpu", 1), ("cuda", 16)):
        score_source(half, [spotter], spotter.spot, torch.device(device))
        assert asked["processes"] == processes


def test_an_exported_spotter_runs_on_the_cpu_whatever_the_device(tiny, tiny_onnx):
    spotter = load_spotter(tiny_onnx)
    wanted = score_video(tiny.half, [spotter])
    with pytest.warns(UserWarning, match="an ONNX model runs on the CPU, cuda is not used"):
        found = score_video(tiny.half, [spotter], torch.device("cuda"))
    assert np.array_equal(found.probabilities, wanted.probabilities)
