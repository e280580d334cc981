"""comedian info: every kind of file says what it is."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
import torch

from cli.info import main
from tests.conftest import CLASSES, GAMES
from tests.make_video import encode, steady

WRITTEN = Path(__file__).parents[1] / "data" / "written-by-0.1"
SPOT = {"video": "a/1.mkv", "half": 1, "position_ms": 500, "label": "Goal", "confidence": 0.25}


@pytest.fixture
def told(run):
    """told(file) -> what --json says."""

    def call(path) -> dict:
        status, out, err = run(main, path, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return call


def test_lines_for_people(run):
    status, out, err = run(main, WRITTEN / "spotter.safetensors")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith(" "))
    assert (status, err) == (0, "")
    assert lines["kind"] == "weights"
    assert lines["weights"] == "spotter"
    assert lines["classes"] == "Goal, Foul, Corner"
    assert "made by                 comedian 0.1.0: finetune f --init s2.safetensors" in out
    assert "made from               s2.safetensors, sha256 931ae9675ba8ee09\n" in out
    assert "recipe" not in lines


def test_frames(told, tiny):
    found = told(WRITTEN / "frames.h5")
    assert found["kind"] == "frames"
    assert (found["half"], found["frames"], found["last_seconds"], found["fps"]) == (1, 60, 29.5, 2)
    assert (found["width"], found["height"], found["encoding"]) == (64, 36, "jpeg")
    assert found["made_by"] == "comedian 0.1.0: extract-frames videos --size 64x36 -o f"
    assert found["made_from"][0]["name"] == "1_224p.mkv"
    assert told(tiny.half)["made_by"] == ""


def test_a_bank_without_its_features(told, tiny, tmp_path):
    """Damage in what is large does not matter."""
    path = Path(shutil.copy(tiny.bank, tmp_path))
    with h5py.File(path, "r+") as file:
        file["features"][:] = float("nan")
    found = told(path)
    assert (found["kind"], found["rows"], found["width"], found["features_width"]) == ("bank", 120, 6, 9)
    assert found["teacher"] == "features features.npy"
    assert [half["game"] for half in found["halves"]] == [GAMES[0], GAMES[0], GAMES[1], GAMES[1]]
    assert 0.5 < found["explained_variance"] <= 1


def test_scores(told):
    found = told(WRITTEN / "scores.h5")
    assert (found["kind"], found["classes"]) == ("scores", list(CLASSES))
    assert found["halves"][0]["tokens"] == 30
    assert found["made_from"][0]["name"] == "s3.safetensors"


@pytest.mark.parametrize("kind", ["spatial", "distilled", "spotter"])
def test_weights_without_their_tensors(kind, told, tiny, tmp_path):
    path = tmp_path / "w.safetensors"
    data = bytearray(getattr(tiny, kind).read_bytes())
    data[-1000:] = b"\xff" * 1000  # NaN
    path.write_bytes(data)
    found = told(path)
    assert (found["kind"], found["weights"]) == ("weights", kind)
    assert found["parameters"] == sum(found["parts"].values())
    assert found["parts"].keys() <= {"spatial", "temporal", "heads"}
    assert found["classes"] == (list(CLASSES) if kind == "spotter" else [])
    assert found["frames"] == "64x36 pixels, 2 a second, screen sampling"


def test_what_a_spotter_was_worth(run, told, tmp_path):
    """Of each class the point of its curve where precision and recall are best together."""
    from comedian.formats.checkpoint import load_checkpoint, save_checkpoint

    found = load_checkpoint(WRITTEN / "spotter.safetensors")
    curves = {"Goal": [(0.9, 1.0, 0.1), (0.5, 0.8, 0.8), (0.1, 0.3, 0.9)], "Foul": []}
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, "spotter", found.tensors, replace(found.header, curves=curves))
    assert told(path)["validated"] == {"Goal": {"confidence": 0.5, "precision": 0.8, "recall": 0.8}}
    out = run(main, path)[1]
    assert "validated               Goal confidence 0.5, precision 0.8, recall 0.8\n" in out
    assert "curves" not in out


def test_weights_of_others(told, tmp_path):
    torch.save({"conv.weight": torch.zeros(4, 3), "fc.bias": torch.zeros(5)}, tmp_path / "model.pt")
    found = told(tmp_path / "model.pt")
    assert found["origin"].startswith("weights of others")
    assert found["parts"] == {"conv": 12, "fc": 5}


def test_a_state(told):
    found = told(WRITTEN / "finetune.resume")
    assert (found["kind"], found["stage"], found["epochs_done"]) == ("state", "finetune head", 1)
    assert found["settings"]["recipe.classes"] == list(CLASSES)


def test_records_of_epochs(run, told, tmp_path):
    path = tmp_path / "spotter.safetensors.epochs"
    records = [{"stage": "finetune head", "epoch": 1, "loss": 0.5, "lr": 0.1}]
    records += [{"stage": "finetune", "epoch": epoch, "loss": 0.5 / epoch} for epoch in (1, 2)]
    records[-1] |= {"valid_tight_a_mAP": 0.25, "best_stage": "finetune", "best_epoch": 2}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    found = told(path)
    assert (found["kind"], found["last"]) == ("epochs", records[-1])
    assert found["stages"] == [
        {"stage": "finetune head", "epochs": 1, "first_loss": 0.5, "last_loss": 0.5},
        {"stage": "finetune", "epochs": 2, "first_loss": 0.5, "last_loss": 0.25},
    ]
    assert "stages                  finetune head, epochs 1, first_loss 0.5" in run(main, path)[1]
    path.write_text(path.read_text() + '{"stage": "finetune", "epoch": 0, "loss": 1}\n')
    status, out, err = run(main, path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"{path}:4: epoch must be int >= 1, not 0; give records as training writes them" in err


def test_spots_and_results(told, tmp_path):
    path = tmp_path / "spots.jsonl"
    path.write_text("".join(json.dumps(SPOT | {"confidence": c, "team": "x"}) + "\n" for c in (0.25, 2)))
    found = told(path)
    assert (found["kind"], found["spots"], found["classes"]) == ("spots", 2, {"Goal": 2})
    assert (found["least_confidence"], found["largest_confidence"], found["first_ms"]) == (0.25, 2, 500)
    assert found["remark"] == "1 confidence lies outside 0…1 (2)"
    assert found["other_keys"] == ["team"]
    path.write_text("")
    assert told(path)["spots"] == 0
    with zipfile.ZipFile(tmp_path / "results.zip", "w") as file:
        item = {"half": "2", "position": "500", "label": "Goal", "confidence": "0.5"}
        file.writestr(
            "l/s/G/results_spotting.json", json.dumps({"UrlLocal": "l/s/G", "predictions": [item]})
        )
    found = told(tmp_path / "results.zip")
    assert (found["kind"], found["games"], found["spots"]) == ("results", 1, 1)
    assert found["halves"] == [{"video": "l/s/G/2", "half": 2, "spots": 1}]


def test_labels(told, tiny, tmp_path):
    found = told(tiny.videos / GAMES[0] / "Labels-v2.json")
    assert (found["kind"], found["form"], found["labels"]) == ("labels", "SoccerNet's Labels-v2.json", 10)
    assert found["halves"] == {"half 1": 5, "half 2": 5}
    assert found["visibility"] == {"visible": 8, "not shown": 2}
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("half,clock,label\n1,1:00,Goal\n")
    assert (told(sheet)["form"], told(sheet)["labels"]) == ("a spreadsheet's CSV", 1)
    path = tmp_path / "own.jsonl"
    path.write_text('{"video": "a.mkv", "video_ms": 5, "label": "x"}\n' * 2)
    found = told(path)
    assert found["halves"] == {"in the file": 2}
    assert found["videos"] == [{"video": "a.mkv", "labels": 2}]


def test_others(told, tiny, tmp_path):
    found = told(next(tiny.features.rglob("*.npy")))
    assert (found["kind"], found["rows"], found["width"], found["type"]) == ("features", 30, 9, "float32")
    found = told(tiny.list)
    assert (found["kind"], found["names"]) == ("list", list(GAMES))
    path = tmp_path / "r.toml"
    path.write_text("[finetune]\nscratch_epochs = 3\n")
    assert told(path)["finetune"] == {"scratch_epochs": 3}


def test_a_video(told, tmp_path):
    path = encode(tmp_path / "a.mp4", steady(50), sound_seconds=2)
    beside = tmp_path / "a.mp4.periods.json"
    beside.write_text('{"intervals": [{"period": "1", "start_time_ms": 500}]}')
    found = told(path)
    assert (found["kind"], found["codec"], found["fps"]) == ("video", "h264", 25)
    assert (found["seconds"], found["sound"][0]["codec"]) == (2.0, "aac")
    assert found["periods"] == [{"period": "1", "start_time_ms": 500}]
    assert told(beside)["periods"] == found["periods"]


def test_many_halves_are_cut_short_in_lines(run, tmp_path):
    path = tmp_path / "spots.jsonl"
    path.write_text("".join(json.dumps(SPOT | {"video": f"{k}/1.mkv"}) + "\n" for k in range(30)))
    out = run(main, path)[1]
    assert "19/1.mkv, half 1, spots 1" in out
    assert "20/1.mkv" not in out
    assert "and 10 more (--json)" in out


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(500), "is damaged or cut short"),
        ("a.safetensors", b"no", "is not a safetensors file"),
        ("a.resume", b"PK\x03\x04 no", "is damaged, or not a state to resume from"),
        ("a.mkv", b"no", "is not a video"),
        ("a.npy", b"no", "is damaged or not a .npy file"),
        ("a.jsonl", b"no", "is not JSON, or cut short"),
        ("a.txt", b"\n", "names no game"),
        ("a.toml", b"a = ", "is not TOML"),
        ("a.xyz", b"no", "is none of frames, bank, scores"),
        ("a.mp4.periods.json", b"{}", "holds no intervals"),
    ],
)
def test_what_is_damaged_or_unknown_is_one_line(name, data, what, run, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    status, out, err = run(main, path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"comedian info: {path}")
    assert what in err
    assert "; " in err


def test_what_is_not_there(run, tmp_path):
    assert run(main, tmp_path / "x")[2] == f"comedian info: {tmp_path}/x: no such file; check the path\n"
    assert "is a folder; name a file, or run check-data on it" in run(main, tmp_path)[2]
    assert "cannot go through a pipe" in run(main, "-")[2]
