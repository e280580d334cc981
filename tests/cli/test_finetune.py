"""finetune as a command; what it shares with the other steps is in test_training_commands.py."""

import json
import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from cli.finetune import main
from cli.spot import main as spot
from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.checkpoint import read_header
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.weights.load import load_spotter


def stages(out: str) -> list[tuple[str, int]]:
    return [(record["stage"], record["epoch"]) for record in map(json.loads, out.splitlines())]


def test_from_distilled_weights_the_head_comes_first(train, tmp_path):
    status, out, _ = train("finetune", "--set", "head.epochs=3")
    assert status == 0
    head = [("finetune head", 1), ("finetune head", 2), ("finetune head", 3)]
    assert stages(out) == [*head, ("finetune", 1), ("finetune", 2)]
    spotter = load_spotter(tmp_path / "out" / "weights.safetensors")
    assert spotter.classes == ("Goal", "Foul", "Corner")
    assert spotter.spot.ignored_seconds == 1


@pytest.mark.parametrize("start", ["spatial", None])
def test_from_scratch_everything_is_trained_for_epochs(run, words, tiny, tmp_path, start):
    line = words("finetune", tmp_path / "a.safetensors")
    at = line.index("--init")
    init = ["--init", tiny.spatial] if start else tiny.model_flags
    status, out, _ = run(main, *line[:at], *line[at + 2 :], *init, "--epochs", 3)
    assert (status, stages(out)) == (0, [("finetune", 1), ("finetune", 2), ("finetune", 3)])


def test_validation_keeps_the_best_epoch(train, tiny):
    status, out, err = train("finetune", "--valid", tiny.frames)
    assert (status, err) == (0, "")
    records = list(map(json.loads, out.splitlines()))
    assert all(0 <= record["valid_tight_a_mAP"] <= 1 for record in records)
    assert all("best_epoch" in record for record in records)


def test_labels_beside_the_videos_or_by_game_are_the_same(run, words, tiny, tmp_path):
    line = words("finetune", tmp_path / "a.safetensors")
    at = line.index("--labels")
    by_game = run(main, *line)
    beside = run(main, *line[:at], *line[at + 2 :])
    assert by_game[0] == beside[0] == 0
    assert [json.loads(text)["loss"] for text in beside[1].splitlines()] == [
        json.loads(text)["loss"] for text in by_game[1].splitlines()
    ]


def test_weights_do_not_go_over_the_labels_that_were_found(run, words, tiny, tmp_path):
    shutil.copytree(tiny.labels, tmp_path / "labels")
    labels = next((tmp_path / "labels").rglob("Labels-v2.json"))
    before = labels.read_bytes()
    line = words("finetune", labels)
    line[line.index("--labels") + 1] = str(tmp_path / "labels")
    status, out, err = run(main, *line)
    assert (status, out) == (1, "")
    assert "Labels-v2.json: is also an input; write somewhere else" in err
    assert labels.read_bytes() == before


def test_labels_outside_the_classes_are_said(run, words, tmp_path):
    line = [word for word in words("finetune", tmp_path / "a.safetensors") if word != "--quiet"]
    status, _, err = run(main, *line, "--set", 'classes=["Goal"]', "--epochs", 1)
    assert status == 0
    assert "finetune: labels outside the recipe's classes are left out: 'Corner', 'Foul'\n" in err


def test_a_cpu_is_told_what_it_takes_unless_a_recipe_was_chosen(run, words, tiny, tmp_path):
    line = [word for word in words("finetune", tmp_path / "a.safetensors") if word != "--quiet"]
    told = re.compile(
        r"^finetune: vivit-tiny on this CPU, by a short trial: about \d+ minutes? and \S+ GB of ",
        re.MULTILINE,
    )
    status, _, err = run(main, *line)
    assert status == 0
    assert len(told.findall(err)) == 1
    assert "on this CPU" not in run(main, *line, "--recipe", "vivit-tiny", *tiny.model_flags)[2]
    assert run(main, *line, "--quiet")[2] == ""


CASES = {
    "no such labels": ("--labels nowhere", "nowhere: no such file or folder; check the path"),
    "labels of other games": ("--labels {folder}/others", " and 1 more; expected GAME/Labels-v2.json"),
    "labels from stdin": ("--labels -", "-: labels cannot go through a pipe; name a file"),
    "broken labels": ("--labels {folder}/broken", "Labels-v2.json:1: is not JSON, or cut short; give"),
    "frames to validate from stdin": ("--valid -", "-: frames cannot go through a pipe"),
    "videos to validate on": ("--valid {tiny.videos}", "videos: holds no frames file; check the path"),
    "classes nobody labelled": (
        "--set classes=['Tor']",
        "no label is one of the recipe's classes: 'Corner',",
    ),
    "a window longer than a half": ("--set model.num_tokens=31 --init {tiny.spatial}", "has 60 frames, a "),
    "windows with gaps": ("--set spot.ignored_seconds=2", "has gaps; ignore at most 1 tokens"),
    "another network": ("--set model.temporal_depth=2", "was trained with model.temporal_depth = 1, the"),
    "a bank to start from": ("--init {tiny.bank}", "bank.h5: is not a safetensors file; give weights"),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_are_one_line_and_leave_nothing(train, tiny, tmp_path, case):
    labels, left = tmp_path / "labels", set()
    for name, text in (("broken", '{"annotations": ['), ("others", '{"annotations": []}')):
        for game in tiny.list.read_text().splitlines():
            path = labels / name / (game if name == "broken" else f"of/{game[-4:]}") / "Labels-v2.json"
            path.parent.mkdir(parents=True)
            path.write_text(text)
            left.add(path)
    more, what = CASES[case]
    words = (word.format(tiny=tiny, folder=labels) for word in more.split())
    status, out, err = train("finetune", *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("finetune: ")
    assert what in err
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == left


def test_frames_without_labels_beside_them(run, words, tiny, tmp_path):
    """The frames file names its video; where that lies no more, --labels says where to look."""
    moved = tmp_path / "frames" / "G"
    moved.mkdir(parents=True)
    write_frames_of_a_lost_video(tiny.half, moved / "1_224p.h5")
    line = words("finetune", tmp_path / "a.safetensors")
    at = line.index("--labels")
    status, _, err = run(main, moved, *line[1:at], *line[at + 2 :])
    assert (status, err.count("\n")) == (1, 1)
    assert (
        "/lost/1_224p.mkv: has no labels beside it; put Labels-v2.json or <video>.json there, or name"
        in err
    )


def write_frames_of_a_lost_video(source: Path, target: Path) -> None:
    import h5py

    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        file.attrs["video"] = "/lost/1_224p.mkv"


def test_ones_own_sport(run, words, tiny, tmp_path):
    """Classes of the labels, a part held out, and a spotter that knows what its confidences are worth."""
    shutil.copytree(tiny.labels, tmp_path / "labels")
    for path in (tmp_path / "labels").rglob("*.json"):
        path.write_text(path.read_text().replace('"Goal"', '"serve"').replace('"Foul"', '"net"'))
        path.write_text(path.read_text().replace('"Corner"', '"bounce"'))
    output = tmp_path / "a.safetensors"
    line = [word for word in words("finetune", output) if word != "--quiet"]
    line[line.index("--labels") + 1] = tmp_path / "labels"
    at = next(number for number, word in enumerate(line) if str(word).startswith("classes="))
    line = line[: at - 1] + line[at + 1 :]
    status, _, err = run(main, *line, "--hold-out", 0.5)
    assert status == 0, err
    assert "classes, and how many labels: bounce " in err
    assert "few labels (" in err
    assert re.search(
        r"best tight a-mAP 0\.\d{4}, of epoch \d, in .*; next: spot --model .* match.mkv .* --top 20", err
    )
    assert load_spotter(output).classes == ("bounce", "net", "serve")
    curves = read_header(output).curves
    assert set(curves) == {"bounce", "net", "serve"}
    status, _, err = run(main, *line, "--hold-out", 0.5, "--classes", "serve,ace", "-q")
    assert (status, err.count("\n")) == (1, 1)
    assert "--classes: no label of 'ace'; the labels have bounce, net, serve" in err
    status, _, err = run(main, *line, "--classes", "serve", "-q")
    assert (status, err, load_spotter(output).classes) == (0, "", ("serve",))
    assert not read_header(output).curves


@pytest.mark.parametrize("fraction", [0.0, 0.4, 0.5, 0.99])
def test_a_part_of_the_games_is_held_out(tiny, fraction):
    halves = Halves.open(find_games([tiny.frames], FRAMES_SUFFIXES))
    if fraction > 0.7:
        with pytest.raises(InputError, match="of 2 nothing is left to train on"):
            halves.split(fraction)
        return
    rest, held = halves.split(fraction, seed=3)
    assert sorted(rest.names + held.names) == sorted(halves.names)
    assert (rest.games, held.games) == ([0, 0], [0, 0])
    assert {file.path for file in rest.files} | {file.path for file in held.files} == {
        file.path for file in halves.files
    }
    one, other = rest.split(fraction)
    assert (one.names, other.names) == (rest.names, rest.names)
    assert len(one.files) == len(other.files) == 1
    with pytest.raises(InputError, match="of 1 nothing is left to train on"):
        one.split(fraction)


def test_what_a_stopped_run_has_so_far_spots(run, words, tiny, tmp_path):
    """It is a spotter like others, and knows what its confidences are worth; a run may start from it."""
    output, so_far = tmp_path / "a.safetensors", tmp_path / "a.so-far.safetensors"
    line = [*words("finetune", output), "--valid", tiny.frames, "--epochs", 50]

    def interrupt() -> None:
        while not output.with_name("a.safetensors.resume").exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert run(main, *line)[::2] == (130, "finetune: interrupted; --resume goes on\n")
    assert run(spot, tiny.half, "-m", so_far, "--device", "cpu", "-q")[::2] == (0, "")
    assert read_header(so_far).curves
    before = so_far.read_bytes()
    status, out, err = run(main, *words("finetune", output), "--init", so_far, "--resume")
    assert (status, out) == (1, "")
    assert err == f"finetune: {so_far}: is also an input; write somewhere else\n"
    assert so_far.read_bytes() == before
