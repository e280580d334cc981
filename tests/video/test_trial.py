"""A plan of an extraction: of what is still to do, near what it then takes, and nothing is written."""

from pathlib import Path

import pytest

from comedian.errors import InputError
from comedian.formats.games import VIDEO_SUFFIXES, find_games
from comedian.formats.periods import Period
from comedian.recipes.frames import FramesRecipe
from comedian.video import trial
from comedian.video.extract import Job, extract_all, plan
from comedian.video.trial import _seconds, _Todo, _Tried, extraction_plan

RECIPE = FramesRecipe(size=(64, 36))


def jobs_of(videos: Path, folder: Path) -> list[Job]:
    return plan(find_games([videos], VIDEO_SUFFIXES), folder)


def frames_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.h5"))


def test_the_bytes_are_those_of_the_run(tiny, tmp_path):
    jobs = jobs_of(tiny.videos, tmp_path / "out")
    found = extraction_plan(jobs, RECIPE, tmp_path / "out", workers=2)
    assert not (tmp_path / "out").exists()
    assert "steps   4 halves to extract, 2.0 minutes of video" in found.lines()
    assert found.seconds > 0
    list(extract_all(jobs, RECIPE, 1))
    (written,) = found.written
    assert written.num_bytes == pytest.approx(frames_bytes(tmp_path / "out"), rel=0.25)
    assert found.num_bytes == pytest.approx(1.5 * written.num_bytes, rel=0.01), "two halves twice"


def test_what_is_done_is_left_out(tiny, tmp_path):
    jobs = jobs_of(tiny.videos, tmp_path)
    list(extract_all(jobs[:3], RECIPE, 1))
    found = extraction_plan(jobs, RECIPE, tmp_path)
    assert found.steps == ["1 half to extract, 30 s of video", "3 halves done already"]
    assert extraction_plan(jobs, RECIPE, tmp_path, force=True).steps == [
        "4 halves to extract, 2.0 minutes of video"
    ]
    list(extract_all(jobs, RECIPE, 1))
    nothing = extraction_plan(jobs, RECIPE, tmp_path)
    assert (nothing.seconds, nothing.num_bytes) == (0.0, 0)
    assert nothing.trial == "none: there is nothing to decode"


def test_raw_frames_are_counted_to_the_byte(tiny, tmp_path):
    job = jobs_of(tiny.videos, tmp_path)[:1]
    found = extraction_plan(job, FramesRecipe(size=(64, 36), encoding="raw"), tmp_path)
    assert found.written[0].num_bytes == 60 * (3 * 64 * 36 + 16)


def test_videos_that_cannot_be_read_are_told(tiny, tmp_path):
    broken, said = tmp_path / "broken.mkv", []
    broken.write_bytes(tiny.video.read_bytes()[:300])
    jobs = [Job(broken, 1, tmp_path / "broken.h5"), *jobs_of(tiny.videos, tmp_path)[:1]]
    found = extraction_plan(jobs, RECIPE, tmp_path, say=said.append)
    assert found.steps == ["1 half to extract, 30 s of video"]
    assert len(said) == 1
    assert str(broken) in said[0]
    with pytest.raises(InputError, match="no video can be read"):
        extraction_plan(jobs[:1], RECIPE, tmp_path, say=said.append)


def test_periods_are_halves(tiny, tmp_path):
    job = Job(tiny.video, 1, tmp_path / "1.h5", Period(1, 5_000, 15_000))
    found = extraction_plan([job], RECIPE, tmp_path)
    assert found.steps == ["1 half to extract, 10 s of video"]


def test_a_length_that_no_header_tells_is_not_guessed(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "duration_of", lambda job: None)
    found = extraction_plan(jobs_of(tiny.videos, tmp_path)[:1], RECIPE, tmp_path)
    assert found.seconds is None
    assert "time    not known" in found.lines()
    assert found.remarks == [f"no header tells how long {tiny.video} last, left out of the sums"]


def test_halves_go_to_workers_in_turn():
    """By hand: two workers at 0.1 s a frame, 2 frames a second, 1 s to open: 21 s, 21 s, then 11 s."""
    job = Job(Path("a"), 1, Path("b"))
    todo = [_Todo(job, seconds) for seconds in (100.0, 100.0, 50.0)]
    tried = [_Tried(1.0, 2.0, 21, 0, 0)] * 2
    assert _seconds(todo, tried, RECIPE, 2, 1) == pytest.approx(21 + 11)
    assert _seconds(todo[:1], tried, RECIPE, 1, 2) == pytest.approx(10 + 1), "both decode the only one"
    assert _seconds(todo[2:], tried, RECIPE, 1, 2) == pytest.approx(10 + 1), "one alone, under a minute"
    assert _seconds([_Todo(job, None)], tried, RECIPE, 1, 2) is None
