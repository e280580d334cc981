"""What a file is, whatever it is called."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from comedian.errors import InputError
from comedian.formats.kinds import KINDS, kind_of
from tests.conftest import GAMES

WRITTEN = Path(__file__).parents[1] / "data" / "written-by-0.1"
SPOT = {"video": "a/1.mkv", "half": 1, "position_ms": 0, "label": "Goal", "confidence": 0.5}
LABEL = {"half": 1, "position_ms": 0, "label": "Goal"}
PREDICTIONS = {"UrlLocal": "a/b/c", "predictions": []}
E2E = [{"video": "a", "num_frames": 5, "fps": 25, "events": []}]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("frames.h5", "frames"),
        ("bank.h5", "bank"),
        ("scores.h5", "scores"),
        ("spatial.safetensors", "weights"),
        ("spotter.safetensors", "weights"),
        ("spots.jsonl", "spots"),
    ],
)
def test_content_tells_more_than_a_name(name, kind, tmp_path):
    for other in (name, "x", "x.json"):
        assert kind_of(shutil.copy(WRITTEN / name, tmp_path / other)) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (json.dumps(SPOT), "spots"),
        (f"\ufeff\n{json.dumps(SPOT)}\nno spot", "spots"),
        (json.dumps(LABEL), "labels"),
        (json.dumps(LABEL) + "\n" + json.dumps(LABEL), "labels"),
        (json.dumps({"video_ms": 5, "label": "x"}), "labels"),
        (json.dumps([LABEL], indent=1), "labels"),
        (json.dumps({"annotations": []}, indent=1), "labels"),
        (json.dumps(E2E), "labels"),
        (json.dumps({"videos": []}), "labels"),
        (json.dumps({"data": []}), "labels"),
        (json.dumps(PREDICTIONS, indent=1), "results"),
        ("{}", None),
        ("[", None),
        ("text", None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_json(text, kind, tmp_path):
    path = tmp_path / "x"
    path.write_text(text)
    assert kind_of(path) == kind


def test_zips(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as file:
        file.writestr("a/b/c/results_spotting.json", "{}")
    assert kind_of(tmp_path / "x") == "results"
    torch.save({}, tmp_path / "y")
    assert kind_of(tmp_path / "y") == "weights"
    assert kind_of(shutil.copy(tmp_path / "y", tmp_path / "y.resume")) == "state"
    (tmp_path / "z.resume").write_bytes(b"PK\x03\x04")
    assert kind_of(tmp_path / "z.resume") == "state"


def test_names_tell_of_what_is_damaged(tmp_path):
    names = {
        **{"a.h5": "frames", "a.npy": "features", "a.mkv": "video", "a.MP4": "video", "a.txt": "list"},
        **{"a.toml": "recipe", "a.safetensors": "weights", "a.jsonl": "spots", "a.py": None},
        **{"Labels-v2.json": "labels", "results_spotting.json": "results", "a.mkv.periods.json": "periods"},
    }
    for name, kind in names.items():
        (tmp_path / name).write_bytes(b"?")
        assert kind_of(tmp_path / name) == kind, name


def test_labels_that_are_no_json(tmp_path):
    texts = {
        "a.csv": "half,clock,label\n1,1:00,Goal\n",
        "b.csv": "a,b\n1,2\n",
        "a.xml": "<file><ALL_INSTANCES><instance/></ALL_INSTANCES></file>",
        "b.csv.txt": "half,clock,label\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    kinds = [kind_of(tmp_path / name) for name in texts]
    assert kinds == ["labels", None, "labels", "list"]
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe")
    assert kind_of(tmp_path / "a.csv") is None


def test_settings_of_suppression_are_no_recipe(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('[default]\nkind = "soft"\n[classes.Goal]\nthreshold = 0.5\n')
    assert kind_of(path) == "settings"
    path.write_text("[finetune]\nscratch_epochs = 3\n")
    assert kind_of(path) == "recipe"


def test_damaged_hdf5_is_what_its_header_says(tmp_path):
    for name in ("bank", "scores", "frames"):
        path = tmp_path / name
        path.write_bytes((WRITTEN / f"{name}.h5").read_bytes()[:-200])
        assert kind_of(path) in (name, "frames")


def test_the_rest(tiny, tmp_path):
    assert kind_of(tmp_path) == "folder"
    assert kind_of(tiny.videos / GAMES[0] / "Labels-v2.json") == "labels"
    assert kind_of(next(tiny.features.rglob("*.npy"))) == "features"
    assert {"folder", "labels", "features"} <= set(KINDS)
    with pytest.raises(InputError, match="no such file; check the path"):
        kind_of(tmp_path / "x")
