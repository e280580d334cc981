"""--plan: a table on standard output in place of the run, and no file anywhere."""

from pathlib import Path

import pytest

from cli.extract_frames import main as extract_frames
from cli.spot import main as spot
from tests.cli.test_training_commands import files_in

ROWS = ("steps", "time", "memory", "disk", "files", "trial")


def rows(out: str) -> list[str]:
    """The names of a table's rows."""
    return [line.split()[0] for line in out.splitlines() if line[:1].strip()]


def test_of_an_extraction(run, tiny, tmp_path):
    line = [tiny.videos, "-o", tmp_path / "out", "--size", "64x36", "--plan"]
    status, out, err = run(extract_frames, *line)
    assert (status, err, rows(out)) == (0, "", list(ROWS))
    assert files_in(tmp_path) == []


def test_of_an_extraction_of_what_is_broken(run, tiny, tmp_path):
    (tmp_path / "broken.mkv").write_bytes(tiny.video.read_bytes()[:300])
    line = [tmp_path / "broken.mkv", tiny.video, "-o", tmp_path / "out", "--plan"]
    status, out, err = run(extract_frames, *line)
    assert (status, err.count("\n"), rows(out)) == (0, 1, list(ROWS))
    assert f"extract-frames: {tmp_path / 'broken.mkv'}: " in err
    status, out, err = run(extract_frames, tmp_path / "broken.mkv", "-o", tmp_path / "out", "--plan")
    assert (status, out) == (1, "")
    assert "no video can be read" in err.splitlines()[-1]


def test_of_spotting(run, tiny, tmp_path):
    line = ["-m", tiny.spotter, "--device", "cpu", "--plan", "-o", tmp_path / "out" / "a.jsonl"]
    status, out, err = run(spot, tiny.videos, *line, "--scores", tmp_path / "out" / "a.h5")
    assert (status, err, rows(out)) == (0, "", list(ROWS))
    assert files_in(tmp_path) == []
    assert f"writes {tmp_path / 'out' / 'a.jsonl'} (" in out


def test_of_spotting_what_is_done(run, tiny, tmp_path):
    folder = f"{tmp_path}/spots/"
    words = [tiny.frames, "-m", tiny.spotter, "--device", "cpu", "-o", folder, "-q"]
    assert run(spot, *words)[0] == 0
    status, out, err = run(spot, *words, "--plan")
    assert (status, err) == (0, "")
    assert "time    about 0.0 s" in out


@pytest.mark.parametrize("scores", [True, False])
def test_of_spotting_saved_scores(run, tiny, tmp_path, scores):
    line = ["-m", tiny.spotter, "--device", "cpu", "-q"]
    assert run(spot, tiny.half, *line, "--scores", tmp_path / "a.h5")[0] == 0
    status, out, err = run(spot, tmp_path / "a.h5" if scores else Path("no.mkv"), *line, "--plan")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert ("saved scores are only read" if scores else "no.mkv: no such file") in err
