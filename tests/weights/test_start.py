"""What a step starts from: read once, and fitting or refused."""

import builtins
import hashlib
from dataclasses import replace

import pytest
import safetensors
import torch

from cli.finetune import main as finetune
from comedian.errors import InputError
from comedian.formats import checkpoint, provenance
from comedian.formats.frames import Geometry
from comedian.weights.start import Start

SPOT = ("--set", 'classes=["Goal", "Foul", "Corner"]', "--set", "spot.ignored_seconds=1")
SHORT = ("--set", "windows_per_game=4", "--batch-size", 4, "--epochs", 1, "--device", "cpu", "-q")


@pytest.fixture
def reads(monkeypatch):
    """reads(path) -> how often its tensors were read and its bytes were hashed since."""
    provenance._sha256.cache_clear()
    opened, hashed, open_file = [], [], builtins.open
    opener, digest, load = safetensors.safe_open, hashlib.file_digest, torch.load

    def noted(path, *more, **options):
        opened.append(str(path))
        return opener(path, *more, **options)

    def noted_load(path, *more, **options):
        opened.append(str(path))
        return load(path, *more, **options)

    def noted_digest(file, kind):
        hashed.append(file.name)
        return digest(file, kind)

    monkeypatch.setattr(checkpoint, "safe_open", noted)
    monkeypatch.setattr(torch, "load", noted_load)
    monkeypatch.setattr(hashlib, "file_digest", noted_digest)
    assert builtins.open is open_file
    return lambda path: (opened.count(str(path)), hashed.count(str(path)))


@pytest.mark.parametrize("kind", ["spatial", "distilled", "spotter"])
def test_a_run_reads_its_start_once(run, tiny, tmp_path, reads, kind):
    start, output = getattr(tiny, kind), tmp_path / "out.safetensors"
    words = (tiny.frames, "--labels", tiny.labels, "--init", start, "-o", output, *SPOT, *SHORT)
    status, _, err = run(finetune, *words)
    assert (status, err) == (0, "")
    assert reads(start) == (1, 1)


def test_what_a_start_tells(tiny, tmp_path):
    nothing, image, weights = Start(), Start("timm:test_vit@w.pth"), Start(str(tiny.spotter))
    assert (nothing.text, nothing.header, nothing.files, nothing.fingerprint) == (None, None, [], None)
    assert (image.header, [str(file) for file in image.files]) == (None, ["w.pth"])
    assert image.fingerprint == "timm:test_vit@w.pth"
    assert weights.header.kind == "spotter"
    assert weights.files == [tiny.spotter]
    assert weights.fingerprint.startswith("sha256 ")
    with pytest.raises(InputError, match="no such weights file"):
        Start(str(tmp_path / "none.safetensors"))


def test_a_start_gives_its_transformers(tiny):
    start = Start(str(tiny.distilled))
    model, geometry = start.header.model, start.header.geometry
    assert start.temporal(model, geometry) is not None
    assert Start(str(tiny.spatial)).temporal(model, geometry) is None
    assert Start().temporal(model, geometry) is None
    dropped = start.spatial(replace(model, drop_path=0.5), geometry)
    assert dropped.recipe.drop_path == 0.5, "stochastic depth is the new step's own affair"


def test_a_start_of_another_network_or_other_frames_is_refused(tiny):
    start = Start(str(tiny.distilled))
    model, geometry = start.header.model, start.header.geometry
    longer = replace(model, num_tokens=8)
    start.spatial(longer, geometry)  # alone it has no length
    with pytest.raises(InputError, match=r"was trained with model\.num_tokens = 4, the recipe says 8"):
        start.temporal(longer, geometry)
    with pytest.raises(InputError, match=r"was trained with model\.embed_dim = 12, the recipe says 24"):
        start.spatial(replace(model, embed_dim=24), geometry)
    with pytest.raises(InputError, match="was trained on frames of 64x36 pixels, 2 a second, screen samp"):
        start.spatial(model, Geometry(25.0, 64, 36, "screen"))
