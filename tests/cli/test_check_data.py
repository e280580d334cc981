"""check-data as a command: lines, statuses, streams."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.check_data import main
from tests.make_video import encode, steady

SPOT = {"video": "a/1.mkv", "half": 1, "position_ms": 0, "label": "Goal", "confidence": 0.5}


@pytest.fixture
def match(tmp_path) -> Path:
    """A video of 80 s with labels beside it, in which all is well."""
    path = encode(tmp_path / "match.mkv", steady(800, rate=10), rate=10)
    path.with_suffix(".json").write_text(json.dumps([{"half": 1, "position_ms": 70_000, "label": "Goal"}]))
    return path


def test_nothing_to_say(run, match):
    said = "check-data: looked at 1 video, 1 labels file, 1 label: no findings\n"
    assert run(main, match) == (0, "", said)
    assert run(main, match.parent, "--decode") == (0, "", said)
    assert run(main, match, "--quiet") == (0, "", "")


def test_a_finding_is_a_line_and_status_1(run, match):
    labels = match.with_suffix(".json")
    labels.write_text(json.dumps([{"half": 1, "position_ms": 99_000, "label": "Goal"}]))
    status, out, err = run(main, match)
    what = "1 label past the end of half 1 (01:20), the last at 01:39"
    assert (status, out) == (
        1,
        f"{labels}: {what}; give the video that they were made on, or mend them\n",
    )
    assert err == "check-data: looked at 1 video, 1 labels file, 1 label: 1 finding\n"


def test_a_note_is_no_failure(run, tiny, tmp_path):
    video = Path(shutil.copy(tiny.video, tmp_path / "clip.mkv"))
    status, out, err = run(main, video)
    assert status == 0
    assert out.startswith(f"{video}: note: lasts 30 s, a window of the default recipe 64 s; ")
    assert err == "check-data: looked at 1 video: no findings, 1 note\n"


def test_what_is_wrong_is_told_of_each_and_the_others_go_on(run, match, tmp_path):
    """Odd names and broken files, one beside the other."""
    odd = tmp_path / 'it\'s; "1" é\n.mkv'
    odd.write_bytes(b"no video")
    status, out, _ = run(main, tmp_path / "nowhere.mkv", odd, match, Path(__file__))
    lines = out.splitlines()
    assert status == 1
    assert len(lines) == 3
    assert all(line.count("; ") >= 1 for line in lines)
    assert f"{tmp_path}/nowhere.mkv: no such file; check the path" in lines


def test_spots_from_standard_input(match):
    spots = [SPOT | {"video": str(match), "position_ms": 90_000}, SPOT | {"confidence": 7}]
    words = [sys.executable, Path(__file__).parents[2] / "bin" / "check-data", match, "-"]
    text = "".join(json.dumps(spot) + "\n" for spot in spots)
    done = subprocess.run(words, input=text, capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert done.returncode == 1
    assert first.startswith("standard input: 1 confidence lies outside 0…1 (7); ")
    assert second.startswith(f"standard input: spots past the end of {match} (01:20), the last at 01:30; ")
    done = subprocess.run(words, input="", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("text", ["{", "[1, 2]", "not json", '{"video": 1}'])
def test_spots_that_cannot_be_read(text, run, tmp_path):
    path = tmp_path / "spots.jsonl"
    path.write_text(text)
    status, out, _ = run(main, path)
    assert (status, out.count("\n")) == (1, 1)
    assert out.startswith(f"{path}")
    assert "; " in out


def test_classes_and_test_games(run, match, tmp_path):
    assert "1 of 2 classes have no label: Tor" in run(main, match, "--classes", "Goal,Tor")[1]
    (tmp_path / "test.txt").write_text("match\n")
    assert "its game is also to be tested on: " in run(main, match, "--test", tmp_path / "test.txt")[1]
    assert run(main, match, "--test", tmp_path / "no.txt")[1].count("no such file") == 1
    assert run(main, match, "--labels", tmp_path / "no")[1].count("no such file or folder") == 1


def test_nothing_given(run):
    said = "check-data: nothing to check; name videos, folders, lists, labels or spots\n"
    assert run(main) == (1, "", said)


def test_pipes_end_quietly(match, tmp_path):
    for number in range(50):
        (tmp_path / f"{number}.mkv").write_bytes(b"no video")
    words = [sys.executable, Path(__file__).parents[2] / "bin" / "check-data", tmp_path]
    reading, writing = os.pipe()
    process = subprocess.Popen(words, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 0
