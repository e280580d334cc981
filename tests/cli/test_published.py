"""The authors' weights, and timm's, through the commands; the networks are in tests/models/authors.py."""

import json
from importlib import import_module
from pathlib import Path

import h5py
import huggingface_hub
import numpy as np
import pytest
import timm
import torch

from cli.build_bank import main as build_bank
from cli.spot import main as spot
from comedian.data.augment import to_input
from comedian.formats.checkpoint import read_header
from comedian.formats.frames import FramesFile, write_frames
from comedian.formats.scores import ScoresFile
from comedian.recipes.model import SOCCERNET_CLASSES
from comedian.weights.load import load_spatial
from tests.conftest import GAMES, pictures, write_labels
from tests.models.authors import Model, ViViT, lightning_file

HUB = "hf:juliendenize/COMEDIAN-ViViT-tiny"
NUM_FRAMES = 12


@pytest.fixture(scope="module")
def authors(tmp_path_factory) -> Path:
    """A folder with the authors' three files of one small ViViT, and frames and labels as theirs."""
    folder = tmp_path_factory.mktemp("authors")
    model = Model(ViViT(length=6))
    network = model.trunk.transformer.state_dict()
    spatial = {name: value for name, value in network.items() if not name.startswith(("tempor", "time"))}
    for step, state in enumerate((spatial, network), start=1):
        trunk = {f"transformer.{name}": value for name, value in state.items()}
        torch.save(lightning_file(trunk, {}), folder / f"step{step}.ckpt")
    torch.save(model.state_dict(), folder / "spotter.pth")
    for half in (1, 2):
        path = folder / "frames" / GAMES[0] / f"{half}_224p.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = ((n / 2, picture) for n, picture in enumerate(pictures(half, NUM_FRAMES, (398, 224))))
        about = {"video": path.name, "half": half, "sampling": "ffmpeg", "provenance": "{}"}
        write_frames(path, shown, fps=2.0, size=(398, 224), encoding="raw", **about)
    (folder / "labels" / GAMES[0]).mkdir(parents=True)
    write_labels(folder / "labels" / GAMES[0] / "Labels-v2.json")
    return folder


def test_spot_gives_the_authors_probabilities(run, authors, tmp_path):
    source, scores = authors / "frames" / GAMES[0] / "1_224p.h5", tmp_path / "scores.h5"
    words = [source, "--device", "cpu", "--threshold", 0, "--scores", scores]
    status, out, err = run(spot, *words, "-m", authors / "spotter.pth")
    assert (status, err) == (0, "")
    assert {json.loads(line)["label"] for line in out.splitlines()} == set(SOCCERNET_CLASSES)
    (half,) = ScoresFile(scores)
    model = Model(ViViT(length=6)).eval()
    frames = torch.from_numpy(FramesFile(source).read(range(NUM_FRAMES)))[None]
    with torch.no_grad():
        expected = model(to_input(frames, (32, 32)))[0].sigmoid()
    np.testing.assert_allclose(half.probabilities, expected, atol=1e-5)


def test_without_a_model_it_is_the_published_one(run, authors, tmp_path, monkeypatch):
    monkeypatch.delenv("COMEDIAN_MODEL", raising=False)
    words = [authors / "frames", "--device", "cpu"]
    expected = run(spot, *words, "-m", authors / "spotter.pth")[1]
    asked = []

    def download(repo, file, local_files_only=False):
        asked.append(f"hf:{repo}/{file}")
        return str(authors / "spotter.pth")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert run(spot, *words) == (0, expected, f"spot: no --model, using the published {HUB}\n")
    monkeypatch.setenv("COMEDIAN_MODEL", "")
    assert run(spot, *words, "--quiet") == (0, expected, "")
    assert run(spot, *words, "-m", HUB, "--scores", tmp_path / "s.h5") == (0, expected, "")
    with h5py.File(tmp_path / "s.h5") as file:
        (parent,) = json.loads(file.attrs["provenance"])["parents"]
    assert parent["name"] == "spotter.pth"
    assert set(asked) == {f"{HUB}/comedian_vivit_tiny_seed42.pth"}


def test_without_a_model_and_a_network_it_is_one_line(run, tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("COMEDIAN_MODEL", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    status, out, err = run(spot, tiny.half)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"spot: no model was named, and the published {HUB} cannot be fetched: ")
    assert err.endswith("; name one with --model or COMEDIAN_MODEL\n")


SETTINGS = {
    "pretrain-spatial": ["queue_size=24"],
    "distill": ["windows_per_game=2"],
    "finetune": ["windows_per_game=2", "head.epochs=1", "spot.ignored_seconds=1"],
}


def main_of(stage: str):
    return import_module(f"cli.{stage.replace('-', '_')}").main


def line(stage: str, init, output: Path, *words) -> list:
    """The words of a run of one epoch."""
    settings = [word for text in SETTINGS[stage] for word in ("--set", text)]
    few = ["--epochs", 1, "--batch-size", 12 if stage == "pretrain-spatial" else 2, "--device", "cpu"]
    return [*words, *settings, *few, "--init", init, "-o", output]


def test_training_goes_on_from_every_step(run, authors, tmp_path, monkeypatch):
    """The network is told by the file, as with ours; so are the remarks, the parents and what must fit."""
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: str(authors / "step1.ckpt"))
    frames, bank = authors / "frames", tmp_path / "bank.h5"
    assert run(build_bank, frames, "--teacher", authors / "step2.ckpt", "-o", bank, "-q")[0] == 0
    for stage, init, words, remark in (
        ("pretrain-spatial", HUB, [], ""),
        ("distill", authors / "spotter.pth", ["--bank", bank], "is a spotter checkpoint, only its spatial"),
        ("finetune", authors / "step2.ckpt", ["--labels", authors / "labels"], "no --valid, keeping the"),
    ):
        output = tmp_path / f"{stage}.safetensors"
        status, _, err = run(main_of(stage), *line(stage, init, output, frames, *words))
        assert status == 0, err
        assert remark in err
        header = read_header(output)
        assert (header.model.embed_dim, header.model.depth, header.geometry.sampling) == (64, 2, "ffmpeg")
        parent = json.loads(header.provenance)["parents"][0]["name"]
        assert parent == ("step1.ckpt" if init == HUB else init.name)


@pytest.mark.parametrize("stage", SETTINGS)
def test_an_image_model_of_timm_starts_every_step(run, tiny, tmp_path, stage):
    """At a learning rate of zero a run ends where it started: a still clip gives the image's feature."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit").eval()
    torch.save(model.state_dict(), tmp_path / "image.pth")
    rates = ["head.base_lr=0", "full.base_lr=0"] if stage == "finetune" else ["optim.base_lr=0"]
    own = {"distill": ["--bank", tiny.bank], "finetune": ["--labels", tiny.labels]}.get(stage, [])
    shape = (
        "image_height=160 image_width=160 embed_dim=64 depth=6 num_heads=2 num_tokens=4 temporal_depth=1"
    )
    model_settings = [f"model.{text}" for text in (*shape.split(), "temporal_heads=2", "mlp_ratio=3.0")]
    settings = [word for text in (*rates, *model_settings) for word in ("--set", text)]
    output = tmp_path / "a.safetensors"
    frames = tiny.half if stage == "pretrain-spatial" else tiny.frames  # it takes every second
    words = line(stage, f"timm:test_vit@{tmp_path / 'image.pth'}", output, frames, *own, *settings)
    assert run(main_of(stage), *words, "-q")[::2] == (0, "")
    image = torch.randn(2, 3, 160, 160)
    with torch.no_grad():
        still = load_spatial(output).encode(image[:, :, None].expand(-1, -1, 2, -1, -1))
        torch.testing.assert_close(still, model.forward_features(image)[:, 0], rtol=1e-5, atol=1e-5)
    parents = [parent["name"] for parent in json.loads(read_header(output).provenance)["parents"]]
    assert parents[0] == "image.pth"


def test_frames_unlike_the_authors_are_refused(run, authors, tiny, tmp_path):
    words = line("finetune", authors / "step2.ckpt", tmp_path / "a", tiny.frames, "--labels", tiny.labels)
    status, _, err = run(main_of("finetune"), *words, "-q")
    assert (status, err.count("\n")) == (1, 1)
    assert "step2.ckpt: was trained on frames of 398x224 pixels, 2 a second, ffmpeg sampling, these" in err
