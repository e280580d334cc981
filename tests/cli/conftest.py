"""Short runs of the training commands, and broken files."""

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from tests.threads import torch_threads


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Torch, also of processes that tests start, computes on one thread: tiny tensors make two wait."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    with torch_threads(1):
        yield
    del os.environ["OMP_NUM_THREADS"]
    if before is not None:
        os.environ["OMP_NUM_THREADS"] = before


@pytest.fixture(autouse=True)
def _no_bfloat16(monkeypatch):
    """No CPU here has it: what a trial finds differs from machine to machine."""
    monkeypatch.setattr("comedian.devices.CPU_INFO", Path("/dev/null"))


@pytest.fixture
def words(tiny):
    """words(stage, output): the command line of a short run, from what the step before left."""

    def of(stage: str, output: Path) -> list[str]:
        own = {
            "pretrain-spatial": [*tiny.model_flags, "--set", "queue_size=32", "--set", "hidden_dim=16"],
            "distill": ["--init", tiny.spatial, "--bank", tiny.bank, "--set", "windows_per_game=4"],
            "finetune": ["--init", tiny.distilled, "--labels", tiny.labels, "--set", "windows_per_game=4"],
        }[stage]
        if stage == "finetune":
            own += ["--set", 'classes=["Goal", "Foul", "Corner"]', "--set", "spot.ignored_seconds=1"]
            own += ["--set", "head.epochs=1"]
        batch_size = 40 if stage == "pretrain-spatial" else 4
        shared = ["--epochs", 2, "--batch-size", batch_size, "--device", "cpu", "--quiet", "-o", output]
        return list(map(str, [tiny.frames, *own, *shared]))

    return of


@pytest.fixture
def train(run, words, tmp_path):
    """train(stage, *more) in a folder of its own -> (status, stdout, stderr)."""

    def call(stage: str, *more, output: Path | None = None):
        output = output or tmp_path / "out" / "weights.safetensors"
        return run(import_module(f"cli.{stage.replace('-', '_')}").main, *words(stage, output), *more)

    return call


@pytest.fixture
def broken(tiny, tmp_path_factory) -> dict[str, Path]:
    """Files that end in their middle, or before their beginning."""
    folder = tmp_path_factory.mktemp("broken")
    cut_frames, cut_weights, empty = folder / "cut.h5", folder / "cut.safetensors", folder / "empty.h5"
    cut_frames.write_bytes(tiny.half.read_bytes()[:-5000])
    cut_weights.write_bytes(tiny.spotter.read_bytes()[:-5000])
    empty.touch()
    return {"cut_frames": cut_frames, "cut_weights": cut_weights, "empty": empty}


@pytest.fixture
def judged(tiny, tmp_path):
    """A spotter that was validated: of Goal and Foul something is known."""
    from comedian.formats.checkpoint import load_checkpoint, save_checkpoint

    checkpoint = load_checkpoint(tiny.spotter)
    curves = {"Goal": [(0.8, 1.0, 0.2), (0.6, 0.9, 0.5), (0.3, 0.4, 0.9)], "Foul": [(0.9, 0.5, 0.1)]}
    header = replace(checkpoint.header, curves=curves)
    save_checkpoint(tmp_path / "judged.safetensors", "spotter", checkpoint.tensors, header)
    return tmp_path / "judged.safetensors"
