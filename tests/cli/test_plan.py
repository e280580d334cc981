"""--plan: a table on standard output in place of the run, and no file anywhere."""

from importlib import import_module
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


@pytest.mark.parametrize("stage", ["pretrain-spatial", "distill", "finetune"])
def test_of_training(run, words, tmp_path, stage):
    main = import_module(f"cli.{stage.replace('-', '_')}").main
    output = tmp_path / "out" / "a.safetensors"
    status, out, err = run(main, *words(stage, output), "--plan", "--tensorboard", tmp_path / "curves")
    assert (status, err, rows(out)) == (0, "", list(ROWS))
    assert files_in(tmp_path) == []
    assert not output.parent.exists()
    assert "2 epochs of " in out
    assert "on the CPU, float32: " in out


def test_of_training_in_parts(run, words, tmp_path):
    from cli.finetune import main

    line = [word for word in words("finetune", tmp_path / "a.safetensors") if word != "--quiet"]
    status, out, err = run(main, *line, "--plan", "--memory", "1002.5MB")
    assert (status, rows(out)) == (0, list(ROWS))
    assert "accumulate" in err
    assert "about 1 GB by the shapes" in out
    assert "no --valid, keeping the last epoch" in err
    assert "next: spot" not in err
    assert "by a short trial" not in err, "the plan says so"


WRONG = {
    "an empty list": ("games.txt", "names no game"),
    "no such frames": ("no.h5", "no such file or folder"),
    "frames that are cut short": ("cut.h5", "cut short"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("stage", ["pretrain-spatial", "distill", "finetune"])
def test_of_training_on_what_is_wrong(run, words, tiny, broken, tmp_path, stage, case):
    main, (name, what) = import_module(f"cli.{stage.replace('-', '_')}").main, WRONG[case]
    (tmp_path / "games.txt").touch()
    (tmp_path / "cut.h5").write_bytes(broken["cut_frames"].read_bytes())
    line = words(stage, tmp_path / "a.safetensors")
    status, out, err = run(main, tmp_path / name, *line[1:], "--plan")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert what in err


def test_of_fine_tuning_without_labels(run, words, tmp_path):
    from cli.finetune import main

    line = words("finetune", tmp_path / "a.safetensors")
    (tmp_path / "none").mkdir()
    line[line.index("--labels") + 1] = str(tmp_path / "none")
    status, out, err = run(main, *line, "--plan")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "label" in err


def test_of_an_interrupted_run(train, tmp_path):
    """Its state is no obstacle to a plan, and stays."""
    state = tmp_path / "out" / "weights.safetensors.resume"
    state.parent.mkdir()
    state.write_bytes(b"a state")
    status, out, _ = train("distill", "--plan")
    assert (status, rows(out)) == (0, list(ROWS))
    assert state.read_bytes() == b"a state"
    assert train("distill")[0] == 1


def test_where_there_is_no_room(run, words, tmp_path, monkeypatch):
    from cli.pretrain_spatial import main
    from comedian import plans

    monkeypatch.setattr(plans, "free_bytes", lambda folder: 1000)
    status, out, _ = run(main, *words("pretrain-spatial", tmp_path / "a.safetensors"), "--plan")
    assert status == 0
    assert "1 kB free in" in out
    assert ": TOO LITTLE\n" in out


def test_of_training_before_anything_is_made(run, tiny, tmp_path):
    """Of a list with videos, labels and nothing else: the steps of a recipe, one after the other."""
    from cli import distill, finetune, pretrain_spatial

    for name in ("league", "games.txt"):
        (tmp_path / name).symlink_to(tiny.videos / name if name == "league" else tiny.list)
    work = tmp_path / "work"
    shared = [
        "--root",
        work / "frames",
        "--device",
        "cpu",
        "-q",
        "--recipe",
        "smoke",
        "--epochs",
        2,
        "--plan",
    ]
    shared += ["--set", "model.num_tokens=4", "--batch-size", 2]
    bank = ["--bank", work / "bank.h5", "--init", work / "a.safetensors"]
    labels = ["--labels", tiny.labels, "--valid", tmp_path / "games.txt", "--init", work / "b.safetensors"]
    labels += ["--set", "spot.ignored_seconds=1", "--set", "spot.stride_tokens=2"]
    labels += ["--set", 'classes=["Goal", "Foul"]', "--set", "windows_per_game=4"]
    for main, more in ((pretrain_spatial.main, []), (distill.main, bank), (finetune.main, labels)):
        line = [tmp_path / "games.txt", *shared, *more, "-o", work / "out.safetensors"]
        status, out, err = run(main, *line)
        assert (status, err, rows(out)) == (0, "", [*ROWS, "note"]), err
        assert "the frames are not extracted yet" in out
        assert ("the bank is not made yet" in out) == (more == bank)
        assert ("is not there yet: random weights" in out) == bool(more)
    assert "finetune head: 2 epochs" in out, "as from distilled weights"
    assert not work.exists()


def test_without_frames_and_videos_frames_are_missed(run, tmp_path):
    from cli.pretrain_spatial import main

    (tmp_path / "games.txt").write_text("a/b\n")
    status, out, err = run(main, tmp_path / "games.txt", "-o", tmp_path / "a.safetensors", "--plan", "-q")
    assert (status, out) == (1, "")
    assert "has no frames file" in err
