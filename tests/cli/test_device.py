"""The line about the device: on a terminal, wherever there is a card, and never for the quiet."""

import sys

import pytest
import torch

from comedian import devices
from comedian.cli._device import say_device
from comedian.formats.checkpoint import read_header

CPU = torch.device("cpu")


@pytest.mark.parametrize("cards", [False, True])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("quiet", [False, True])
def test_who_is_told(monkeypatch, capsys, cards, terminal, quiet):
    monkeypatch.setattr(devices, "has_cards", lambda: cards)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    say_device("spot", "cpu", CPU, quiet, "fp32")
    wanted = "spot: on the CPU, float32 as the recipe says\n" if (cards or terminal) and not quiet else ""
    assert capsys.readouterr().err == wanted
    say_device("spot", "cpu", CPU, quiet, "bf16", "by a trial")  # its results are others
    wanted = "" if quiet else "spot: on the CPU, bfloat16, by a trial\n"
    assert capsys.readouterr().err == wanted


@pytest.mark.parametrize("stage", ["pretrain-spatial", "distill", "finetune"])
def test_training_says_its_device_and_precision(run, words, tmp_path, monkeypatch, stage):
    from importlib import import_module

    monkeypatch.setattr(devices, "has_cards", lambda: True)
    monkeypatch.setattr(devices, "CPU_INFO", tmp_path / "none")
    line = [word for word in words(stage, tmp_path / "a.safetensors") if word != "--quiet"]
    status, _, err = run(import_module(f"cli.{stage.replace('-', '_')}").main, *line)
    assert status == 0, err
    assert f"{stage}: on the CPU, float32\n" in err
    assert read_header(tmp_path / "a.safetensors").recipe["precision"] == "fp32"


@pytest.mark.parametrize("name", ["spot", "build-bank", "export-model"])
def test_others_that_compute_say_it_too(run, tiny, tmp_path, monkeypatch, name):
    from importlib import import_module

    if name == "export-model":
        for package in ("onnx", "onnxruntime", "onnxscript"):
            pytest.importorskip(package)
    words = {
        "spot": [tiny.half, "-m", tiny.spotter, "--device", "cpu", "-o", tmp_path / "a.jsonl"],
        "build-bank": [tiny.frames, "--teacher", tiny.spatial, "--device", "cpu", "-o", tmp_path / "a.h5"],
        "export-model": [tiny.spotter, "-o", tmp_path / "a.onnx"],
    }[name]
    monkeypatch.setattr(devices, "has_cards", lambda: True)
    status, _, err = run(import_module(f"cli.{name.replace('-', '_')}").main, *words)
    assert status == 0, err
    why = " as ONNX Runtime has it" if name == "export-model" else ""
    assert f"{name}: on the CPU, float32{why}\n" in err
