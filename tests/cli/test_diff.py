"""comedian diff: files that mean the same, and each way in which two do not."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cli.diff import main
from comedian.formats.scores import Scores, write_scores
from tests.conftest import CLASSES, GAMES, write_tiny_frames
from tests.make_video import encode, steady

WRITTEN = Path(__file__).parents[1] / "data" / "written-by-0.1"
SPOT = {"video": "l/s/a/1.mkv", "half": 1, "position_ms": 65_000, "label": "Goal", "confidence": 0.25}


@pytest.fixture
def diff(run):
    """diff(one, other) -> its lines; the exit status must fit."""

    def call(one, other) -> list[str]:
        status, out, err = run(main, one, other)
        assert (status, err) == (1 if out else 0, "")
        return out.splitlines()

    return call


def with_metadata(path: Path, target: Path, change=lambda tensors: None, **metadata) -> Path:
    """A copy of weights with other tensors and metadata."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        told = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, target, told | {key: json.dumps(value) for key, value in metadata.items()})
    return target


def lines(*spots) -> str:
    return "".join(json.dumps(SPOT | spot) + "\n" for spot in spots)


@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN.iterdir() if path.suffix != ".md"))
def test_a_copy_is_equal(name, diff, tmp_path):
    assert diff(WRITTEN / name, shutil.copy(WRITTEN / name, tmp_path)) == []


def test_weights(diff, tiny, tmp_path):
    def change(tensors):
        tensors["heads.classes.bias"][1] += 0.5
        tensors["spatial.cls_token"][..., 0] -= 0.125
        tensors["spatial.cls_token"][..., 1] += 0.0625

    changed = with_metadata(tiny.spotter, tmp_path / "b.safetensors", change)
    assert diff(tiny.spotter, changed) == [
        "largest difference of heads: 0.5 in heads.classes.bias",
        "largest difference of spatial: 0.125 in spatial.cls_token",
    ]
    same = with_metadata(tiny.spotter, tmp_path / "c.safetensors", provenance={})
    assert diff(tiny.spotter, same) == []


def test_weights_of_another_recipe(diff, tiny, tmp_path):
    recipe = {"spot": {"ignored_seconds": 2.0, "merge": "max"}}
    other = with_metadata(
        tiny.spotter, tmp_path / "b.safetensors", recipe=recipe, classes=["Goal", "Foul", "x"]
    )
    assert diff(tiny.spotter, other) == [
        "classes: Goal, Foul, Corner -> Goal, Foul, x",
        "recipe.spot.ignored_seconds: 1 -> 2",
    ]


def test_weights_of_two_stages(diff, tiny):
    found = diff(tiny.distilled, tiny.spotter)
    assert "weights: distilled -> spotter" in found
    assert f"tensors only in {tiny.spotter}: heads.classes.bias, heads.classes.weight" in found


def test_weights_with_what_is_no_number(diff, tiny, tmp_path):
    def change(tensors):
        tensors["heads.classes.bias"][0] = float("nan")

    changed = with_metadata(tiny.spotter, tmp_path / "b.safetensors", change)
    assert diff(tiny.spotter, changed) == ["largest difference of heads: inf in heads.classes.bias"]
    again = with_metadata(changed, tmp_path / "c.safetensors", provenance={})
    assert diff(changed, again) == []


def test_older_names_of_tensors_are_the_same(diff, tmp_path):
    """Of version 1 the head has another name."""
    from comedian.weights.load import load_spotter, save_spotter

    save_spotter(tmp_path / "now.safetensors", load_spotter(WRITTEN / "spotter.safetensors"))
    found = diff(WRITTEN / "spotter.safetensors", tmp_path / "now.safetensors")
    assert not [line for line in found if re.match("tensors|largest|shape|parts", line)]


def test_weights_of_others(diff, tmp_path):
    torch.save({"a": torch.zeros(3), "b": torch.zeros(2)}, tmp_path / "a.pt")
    torch.save({"a": torch.tensor([0.0, 0, 2]), "b": torch.zeros(4)}, tmp_path / "b.pt")
    found = diff(tmp_path / "a.pt", tmp_path / "b.pt")
    assert "shape of b: 2 -> 4" in found
    assert "largest difference of a: 2 in a" in found


def test_spots(diff, tmp_path):
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    one.write_text(lines({}, {"position_ms": 5}, {"label": "Foul"}))
    other.write_text(
        lines({"label": "Foul", "confidence": 0.75}, {"position_ms": 7}, {"confidence": 0.125})
    )
    assert diff(one, other) == [
        "spots in both: 2",
        "spots only in the first: 1 (Goal at 1 - 00:00 of a)",
        "spots only in the second: 1 (Goal at 1 - 00:00 of a)",
        "confidences that differ: 2",
        "largest change of a confidence: +0.5: Foul at 1 - 01:05 of a, 0.25 -> 0.75",
    ]
    other.write_text(lines({"label": "Foul"}, {}, {"position_ms": 5}))
    assert diff(one, other) == []
    other.write_text(lines({"label": "Foul"}, {}, {"position_ms": 5}, {}))
    assert "spots only in the second: 1 (Goal at 1 - 01:05 of a)" in diff(one, other)


def test_spots_of_videos_elsewhere(diff, tmp_path):
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    one.write_text(lines({}))
    other.write_text(lines({"video": "/elsewhere/l/s/a/1_720p.mkv"}))
    assert diff(one, other) == []
    other.write_text(lines({"video": "/elsewhere/l/s/a/2_720p.mkv"}))
    assert len(diff(one, other)) == 3


def test_labels_of_two_forms(diff, tiny, tmp_path):
    official = tiny.videos / GAMES[0] / "Labels-v2.json"
    entries = [
        {
            "half": half,
            "position_ms": 1000 * second,
            "label": CLASSES[(second // 5) % 3],
            "visibility": "not shown" if second == 10 else "visible",
        }
        for half in (1, 2)
        for second in range(5, 30, 5)
    ]
    own = tmp_path / "own.json"
    own.write_text(json.dumps(entries))
    assert diff(official, own) == []
    own.write_text(json.dumps([entry | {"visibility": "visible"} for entry in entries]))
    found = diff(official, own)
    assert found[0] == "labels in both: 8"
    assert "labels only in the first: 2 (Corner (not shown) at 1 - 00:10, " in found[1]


def test_frames(diff, tiny, tmp_path):
    for name, seed, number in (("a", 1, 60), ("b", 1, 60), ("c", 2, 60), ("d", 1, 50)):
        write_tiny_frames(tmp_path / f"{name}.h5", Path("1_x.mkv"), 1, seed=seed, num_frames=number)
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        file.attrs["provenance"] = "{ }"
    assert diff(tmp_path / "a.h5", tmp_path / "b.h5") == []
    found = diff(tmp_path / "a.h5", tmp_path / "c.h5")
    assert "pictures that differ: 60" in found
    assert "largest difference of a pixel: 2" in found[-1][: len("largest difference of a pixel: 2")]
    assert "frames: 60 -> 50" in diff(tmp_path / "a.h5", tmp_path / "d.h5")


def test_bank_and_features(diff, tiny, tmp_path):
    other = Path(shutil.copy(tiny.bank, tmp_path))
    with h5py.File(other, "r+") as file:
        file["seconds"][3] += 0.25
        file.attrs["temperature_m"] = 0.5
    assert diff(tiny.bank, other) == [
        "temperature: 0.07 -> 0.5",
        "largest difference of seconds: 0.25",
    ]
    one = next(tiny.features.rglob("*.npy"))
    rows = np.load(one)
    np.save(tmp_path / "b.npy", rows[:-1])
    assert diff(one, tmp_path / "b.npy") == ["rows: 30 -> 29", "shape of rows: 30, 9 -> 29, 9"]


def test_scores(diff, tmp_path):
    seconds, probabilities = np.arange(4.0), np.full((4, 2), 0.25, np.float32)
    for name, change in (("a", 0), ("b", 0.5)):
        half = Scores("1.mkv", 1, seconds, probabilities + np.float32(change))
        write_scores(tmp_path / f"{name}.h5", [half], ["x", "y"], "{}")
    found = diff(tmp_path / "a.h5", tmp_path / "b.h5")
    assert found == ["largest difference of probabilities of half 1 of 1.mkv: 0.5"]


def test_videos_lists_and_recipes(diff, tmp_path):
    one, other = (encode(tmp_path / f"{rate}.mp4", steady(50, rate), rate=rate) for rate in (25, 50))
    assert "fps: 25 -> 50" in diff(one, other)
    (tmp_path / "a.toml").write_text("[finetune]\nscratch_epochs = 3\n")
    (tmp_path / "b.toml").write_text("[finetune]\nscratch_epochs = 4\n")
    assert diff(tmp_path / "a.toml", tmp_path / "b.toml") == ["finetune.scratch_epochs: 3 -> 4"]
    (tmp_path / "a.txt").write_text("x\ny\n")
    (tmp_path / "b.txt").write_text("# a comment\nx\ny\n")
    assert diff(tmp_path / "a.txt", tmp_path / "b.txt") == [
        "content: differs, though nothing that is told of it does"
    ]


def test_for_programs(run, tmp_path):
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    one.write_text(lines({}))
    other.write_text(lines({"confidence": 0.5}))
    status, out, _ = run(main, one, other, "--json")
    assert status == 1
    assert json.loads(out.splitlines()[0]) == {"name": "confidences that differ", "value": 1}


def test_two_kinds_and_what_is_not_there(run, tiny, tmp_path):
    status, out, err = run(main, tiny.bank, tiny.half)
    assert (status, out) == (1, "")
    assert (
        err == f"comedian diff: {tiny.half}: is frames, {tiny.bank} is bank; name two files of one kind\n"
    )
    assert "no such file; check the path" in run(main, tiny.bank, tmp_path / "x")[2]
    assert run(main, tiny.bank)[0] == 2
