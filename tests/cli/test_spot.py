"""spot as a command: what it reads, how it streams, what it refuses."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cli.extract_frames import main as extract_frames
from cli.nms import main as nms
from cli.spot import main
from comedian.formats.scores import ScoresFile
from comedian.spotting.halves import find_sources
from comedian.spotting.sliding import join
from comedian.spotting.sources import score_source, score_video
from comedian.spotting.spots import to_spots
from comedian.weights.load import load_spotter, save_spotter

ROOT = Path(__file__).resolve().parents[2]
MATCH = ROOT / "tests/data/matches/gfootball/2026/000105 FRQ 0 - 1 RBA"
TOKENS = 30  # of a half of the tiny games


@pytest.fixture
def spot(run, tiny):
    """spot(*words) with the tiny model, on the CPU -> (status, stdout, stderr)."""
    return lambda *words: run(main, "--model", tiny.spotter, "--device", "cpu", *words)


def spots(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def bare(out: str) -> list[dict]:
    """Spots less their video, which is called by the path it was named by."""
    return [{key: value for key, value in spot.items() if key != "video"} for spot in spots(out)]


def test_a_video_becomes_spots_in_time_order(spot, tiny):
    status, out, err = spot(tiny.video, "--threshold", 0)
    found = spots(out)
    assert (status, err, len(found)) == (0, "", 3 * TOKENS)
    assert list(found[0]) == ["video", "half", "position_ms", "label", "confidence"]
    assert {one["video"] for one in found} == {str(tiny.video)}
    assert {one["label"] for one in found} == {"Goal", "Foul", "Corner"}
    assert [one["position_ms"] for one in found[::3]] == list(range(250, 30_000, 1000))
    assert all(0 <= one["confidence"] <= 1 for one in found)


def test_options_reach_the_library(spot, tiny):
    spotter = load_spotter(tiny.spotter)
    recipe = replace(spotter.spot, ignored_seconds=0.5, merge="average")
    ((source,), _) = find_sources([tiny.video])
    scores = join(score_source(source, [spotter], recipe, torch.device("cpu")))
    expected = list(to_spots(scores, spotter.classes, 0.7))
    words = ("--ignored-seconds", 0.5, "--merge", "average", "--threshold", 0.7)
    assert spots(spot(tiny.video, *words)[1]) == expected
    assert 0 < len(expected) < 3 * TOKENS
    assert expected != list(to_spots(score_video(tiny.video, [spotter]), spotter.classes, 0.7))


def test_games_are_named_by_file_folder_tree_or_list(spot, tiny, tmp_path):
    game = tiny.video.parent
    one_half = bare(spot(tiny.video)[1])
    one_game = bare(spot(game)[1])
    everything = bare(spot(tiny.videos)[1])
    assert one_game[: len(one_half)] == one_half
    assert {one["half"] for one in one_game} == {1, 2}
    assert bare(spot(game / "1_224p.mkv", game / "2_224p.mkv")[1]) == one_game
    assert bare(spot(tiny.list, "--root", tiny.videos)[1]) == everything
    assert everything[: len(one_game)] == one_game
    assert len(everything) > len(one_game)


def test_frames_give_the_spots_of_their_video(run, spot, tiny, tmp_path):
    """Bit for bit, when they are kept raw; and they are named like it."""
    words = ["--size", "64x36", "--format", "raw", "-o", tmp_path / "frames", "-q"]
    assert run(extract_frames, tiny.videos, *words)[0] == 0
    expected = spot(tiny.videos)[1]
    for sources in ([tmp_path / "frames"], [tiny.list, "--root", tmp_path / "frames"]):
        assert spot(*sources) == (0, expected, "")


def test_saved_scores_give_the_same_bytes(run, spot, tiny, tmp_path):
    scores = tmp_path / "scores.h5"
    status, direct, _ = spot(tiny.videos, "--scores", scores)
    assert status == 0
    assert direct == spot(tiny.videos)[1]
    assert run(main, scores) == (0, direct, "")
    halves = list(ScoresFile(scores))
    assert [len(half.seconds) for half in halves] == [TOKENS] * 4
    np.testing.assert_array_equal(
        halves[0].probabilities, score_video(tiny.video, [load_spotter(tiny.spotter)]).probabilities
    )


def test_an_ensemble_equals_its_averaged_scores(run, spot, tiny, tmp_path):
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    spot(tiny.frames, "--scores", one)
    run(main, tiny.frames, "--model", tiny.other_spotter, "--scores", other)
    together = spot(tiny.frames, "--model", tiny.other_spotter)[1]
    assert run(main, one, other) == (0, together, "")
    assert run(main, one)[1] != together != run(main, other)[1]


def test_the_model_of_the_environment(run, tiny, monkeypatch):
    monkeypatch.setenv("COMEDIAN_MODEL", str(tiny.other_spotter))
    from_environment = run(main, tiny.half)
    assert from_environment == run(main, tiny.half, "--model", tiny.other_spotter)
    assert run(main, tiny.half, "--model", tiny.spotter)[1] != from_environment[1], "--model goes first"


def test_scores_tell_where_they_come_from(spot, tiny, tmp_path):
    import h5py

    spot(tiny.half, "--scores", tmp_path / "scores.h5")
    with h5py.File(tmp_path / "scores.h5") as file:
        about = json.loads(file.attrs["provenance"])
    assert [parent["name"] for parent in about["parents"]] == ["spotter.safetensors"]


def test_options_without_effect_are_said(run, spot, tiny, tmp_path):
    scores = tmp_path / "scores.h5"
    spot(tiny.half, "--scores", scores)
    words = [scores, "--model", tiny.spotter, "--merge", "max"]
    assert run(main, *words)[2].splitlines() == [
        "spot: --model has no effect on saved scores",
        "spot: --merge has no effect on saved scores",
    ]
    assert run(main, *words, "--quiet")[2] == ""


def test_a_damaged_video_gives_what_it_has_and_one_line(spot, tiny, tmp_path):
    video = tmp_path / "1_224p.mkv"
    video.write_bytes(tiny.video.read_bytes()[:15_000])
    status, out, err = spot(video)
    assert status == 0
    assert 0 < len(spots(out)) < 3 * TOKENS
    assert err.startswith(f"spot: {video}: damaged: ")
    assert err.count("\n") == 1
    assert spot(video, "--quiet") == (0, out, "")


def bad_files(tiny, folder: Path) -> None:
    """Files of the right names that are wrong inside."""
    (folder / "empty.mkv").touch()
    (folder / "text.mkv").write_text("not a video\n" * 50)
    (folder / "cut.mkv").write_bytes(tiny.video.read_bytes()[:200])
    (folder / "cut.h5").write_bytes(tiny.half.read_bytes()[:-5000])
    (folder / "cut.safetensors").write_bytes(tiny.spotter.read_bytes()[:-1000])
    (folder / "list.txt").write_text("no such game\n")
    (folder / "folder").mkdir()
    (folder / "old.jsonl").write_text("old")
    (folder / "old.h5").write_text("old")


CASES = {
    "nothing": ("", "spot: nothing to spot; name a video, a game folder, a list or a frames file"),
    "standard input": ("-", "spot: -: videos, frames and scores cannot go through a pipe; name a file"),
    "scores to standard output": ("{tiny.half} --scores -", "spot: -: scores cannot go through a pipe"),
    "model from standard input": ("{tiny.half} -m -", "spot: -: weights cannot go through a pipe"),
    "missing": ("{here}/none.mkv", "none.mkv: no such file or folder; check the path"),
    "empty": ("{here}/empty.mkv", "empty.mkv: is empty"),
    "text": ("{here}/text.mkv", "text.mkv: is not a video"),
    "cut": ("{here}/cut.mkv", "cut.mkv: "),
    "cut frames": ("{here}/cut.h5", "cut.h5: is damaged or cut short; make it again with extract-frames"),
    "weights as a video": ("{tiny.spotter}", "spotter.safetensors: is not a video"),
    "a bank as frames": ("{tiny.bank}", "bank.h5: is not a frames file but comedian bank; make one with"),
    "an empty folder": ("{here}/folder", "folder: holds no video; check the path"),
    "a list of nothing": ("{here}/list.txt", "list.txt: game 'no such game' has no video in"),
    "no such model": ("{tiny.half} -m {here}/none", "none: no such weights file; check the path"),
    "a cut model": ("{tiny.half} -m {here}/cut.safetensors", "cut.safetensors: is cut short; copy or make"),
    "a spatial model": (
        "{tiny.half} -m {tiny.spatial}",
        "is a spatial checkpoint, but a spotter is",
    ),
    "a distilled model": ("{tiny.half} -m {tiny.distilled}", "is a distilled checkpoint, but a spotter is"),
    "a bank as a model": ("{tiny.half} -m {tiny.bank}", "bank.h5: is not a safetensors file; give weights"),
    "an unknown device": (
        "{tiny.half} --device tpu",
        "--device: unknown device 'tpu'; use auto, cpu",
    ),
    "gaps": ("{tiny.half} --ignored-seconds 2", "ignore at most 1 tokens"),
    "scores into a folder": ("{tiny.half} --scores {here}/folder", "folder: is a folder; name a file"),
    "spots into a folder beside scores": (
        "{tiny.half} -o {here}/folder --scores {here}/s.h5",
        "folder: spots go into one file beside scores; name a file",
    ),
    "spots into a folder that is a file": (
        "{tiny.half} -o {tiny.bank}/",
        "bank.h5/: is a file; name a folder, or a file without the slash",
    ),
    "spots below a file": (
        "{tiny.half} -o {tiny.bank}/a",
        "bank.h5: is not a folder; write somewhere else",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_are_one_line_and_leave_everything_as_it_was(run, tiny, tmp_path, case):
    bad_files(tiny, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    words, what = CASES[case]
    words = [word.format(tiny=tiny, here=tmp_path) for word in words.split()]
    model = [] if "-m" in words else ["-m", tiny.spotter]
    old = ["-o", tmp_path / "old.jsonl", "--scores", tmp_path / "old.h5"]
    status, out, err = run(main, *model, *old, *words)
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert err.startswith("spot: ")
    assert what in err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_other_frames_than_the_model_was_trained_on(run, tiny, spot, tmp_path):
    words = ["--size", "32x32", "-o", tmp_path, "-q"]
    assert run(extract_frames, tiny.video, *words)[0] == 0
    status, out, err = spot(tiny.half, tmp_path / "1_224p.h5")
    assert (status, out) == (1, "")
    assert err == (
        f"spot: {tmp_path}/1_224p.h5: holds frames of 32x32 pixels, 2 a second, screen sampling, the model "
        "wants 64x36 pixels, 2 a second, screen sampling; extract the frames alike\n"
    )


def test_an_ensemble_of_strangers(spot, tiny, tmp_path):
    stranger = load_spotter(tiny.spotter)
    stranger.classes = ("Goal", "Foul", "Offside")
    save_spotter(tmp_path / "b.safetensors", stranger)
    status, _, err = spot(tiny.half, "--model", tmp_path / "b.safetensors")
    assert status == 1
    assert err == (
        f"spot: {tmp_path}/b.safetensors: has other classes or frames than {tiny.spotter}; "
        "ensemble models of one kind\n"
    )


def test_scores_of_strangers(run, spot, tiny, tmp_path):
    a, b, other = tmp_path / "a.h5", tmp_path / "b.h5", tmp_path / "other.safetensors"
    spot(tiny.half, "--scores", a)
    status, _, err = spot(a, tiny.half)
    assert (status, err) == (1, f"spot: {a}: holds saved scores, others do not; spot one kind at a time\n")
    stranger = load_spotter(tiny.spotter)
    stranger.classes = ("Goal", "Foul", "Offside")
    save_spotter(other, stranger, {"spot": {"ignored_seconds": 1.0}})
    run(main, tiny.half, "--model", other, "--scores", b)
    assert run(main, a, b) == (1, "", f"spot: {b}: has other classes than {a}; use scores of one kind\n")


def start(*words) -> subprocess.Popen:
    command = [sys.executable, ROOT / "bin" / "spot", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_spots_come_while_it_runs_and_a_closed_pipe_ends_quietly(tiny):
    process = start(MATCH, "--model", tiny.spotter, "--threshold", 0)
    first = json.loads(process.stdout.readline())
    assert process.poll() is None
    assert (first["half"], first["position_ms"]) == (1, 250)
    process.stdout.close()
    assert (process.wait(timeout=30), process.stderr.read()) == (0, b"")


def without_torch(folder, *words) -> str:
    """The one line of a command beside a torch that counts threads and cannot be imported."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(
        "import threading\nraise OSError(f'torch is imported beside {threading.active_count()} threads')"
    )
    command = [sys.executable, ROOT / "bin" / "spot", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder).stderr


def test_decoding_has_begun_when_torch_is_imported(tiny, tmp_path):
    line = without_torch(tmp_path, tiny.video, "-m", tiny.spotter)
    assert line == "spot: torch is imported beside 2 threads\n"


def test_what_is_wrong_with_videos_is_told_without_torch(tiny, tmp_path):
    line = without_torch(tmp_path, "none.mkv", "-m", "none.safetensors", "--device", "none")
    assert line == "spot: none.mkv: no such file or folder; check the path\n"


def test_ctrl_c_is_130_and_leaves_no_file(tiny, tmp_path):
    """In the middle of a half, with both outputs begun."""
    old = tmp_path / "old.jsonl"
    old.write_text("old")
    process = start(MATCH, "-m", tiny.spotter, "-o", old, "--scores", tmp_path / "a.h5")
    while not list(tmp_path.glob(".old.jsonl.*.part")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"spot: interrupted\n")
    assert (list(tmp_path.iterdir()), old.read_text()) == ([old], "old")


def test_another_process_gives_the_same_bits(spot, tiny, tmp_path):
    """A spotter saved here and loaded elsewhere gives equal scores on the CPU."""
    copy = tmp_path / "elsewhere" / "model.safetensors"
    copy.parent.mkdir()
    shutil.copy(tiny.spotter, copy)
    process = start(tiny.half, "--model", copy, "--device", "cpu", "--scores", tmp_path / "there.h5")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert spot(tiny.half, "--scores", tmp_path / "here.h5")[1].encode() == out
    (here,), (there,) = (ScoresFile(tmp_path / f"{name}.h5") for name in ("here", "there"))
    np.testing.assert_array_equal(here.probabilities, there.probabilities)
    np.testing.assert_array_equal(here.seconds, there.seconds)
    assert np.ptp(here.probabilities) > 0


def test_one_bad_video_does_not_stop_the_others(tiny, tmp_path, run):
    bad, out = tmp_path / "bad.mkv", tmp_path / "spots.jsonl"
    bad.write_text("no video")
    words = ["-m", tiny.spotter, "--device", "cpu", "--threshold", "0", "-o", out]
    status, _, err = run(main, bad, tiny.video, *words)
    assert status == 1
    assert err.splitlines()[0].startswith(f"spot: {bad}: is not a video")
    assert {json.loads(line)["video"] for line in out.read_text().splitlines()} == {str(tiny.video)}
    out.unlink()
    status, _, err = run(main, bad, *words)
    assert status == 1
    assert len(err.splitlines()) == 1
    assert not out.exists(), "nothing was read"


def test_a_file_for_each_game_and_on_where_it_was_stopped(spot, run, tiny, tmp_path):
    folder = tmp_path / "spots"
    status, out, err = spot(tiny.list, "--root", tiny.frames, "-o", f"{folder}/")
    files = sorted(folder.rglob("*.jsonl"))
    assert (status, out, len(files)) == (0, "", 2)
    assert re.fullmatch(r"spot: \d+ spots in 117 s of video, \d+ s taken, in .*/; next: nms .*\n", err)
    whole = [path.read_bytes() for path in files]
    direct = spot(tiny.list, "--root", tiny.frames)[1]
    assert b"".join(whole).decode() == direct
    assert run(nms, folder)[1] == run(nms, *files[:1])[1] + run(nms, *files[1:])[1]
    files[1].unlink()
    status, out, err = spot(tiny.list, "--root", tiny.frames, "-o", folder)
    assert "2 of 4 halves are done already" in err
    assert [path.read_bytes() for path in files] == whole
    status, out, err = spot(tiny.list, "--root", tiny.frames, "-o", folder)
    assert (status, "0 spots in 0 s of video" in err) == (0, True)


def test_a_game_that_lacks_a_video_gets_no_file(spot, tiny, tmp_path):
    shutil.copytree(tiny.videos, tmp_path / "videos")
    broken = next((tmp_path / "videos").rglob("2_224p.mkv"))
    broken.write_bytes(b"no video")
    status, _, err = spot(tmp_path / "videos", "-o", f"{tmp_path}/spots/")
    assert (status, len(list((tmp_path / "spots").rglob("*.jsonl")))) == (1, 1)
    assert "not written, since it lacks a video" in err


def test_a_terminal_gets_a_list(tiny, tmp_path):
    terminal, other_end = pty.openpty()
    words = [sys.executable, ROOT / "bin" / "spot", tiny.half, "-m", tiny.spotter, "--device", "cpu"]
    process = subprocess.Popen(words, stdout=other_end, stderr=subprocess.PIPE)
    os.close(other_end)
    text = b""
    with contextlib.suppress(OSError):  # what a terminal says at its end
        while some := os.read(terminal, 1 << 16):
            text += some
    os.close(terminal)
    rows = [line.split() for line in text.decode().splitlines()]
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert rows[1] == ["half", "clock", "label", "confidence"]
    assert 3 <= len(rows) <= 42
    confidences = [float(row[-1]) for row in rows[2:]]
    assert confidences == sorted(confidences, reverse=True)
    assert b"surest of 90 spots; -o FILE, or a pipe, takes all" in err
