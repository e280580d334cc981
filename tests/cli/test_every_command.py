"""The same few promises, asked of every command."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.umbrella import COMMANDS

BIN = Path(__file__).parents[2] / "bin"


def run(*words, **options):
    command = [sys.executable, BIN / words[0], *map(str, words[1:])]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("name", ["comedian", *COMMANDS])
def test_help_has_an_example_and_imports_nothing_heavy(name):
    result = run(name, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: " in result.stdout
    assert "Example: " in result.stdout
    module = "umbrella" if name == "comedian" else name.replace("-", "_")
    heavy = "torch", "timm", "av", "h5py", "faiss", "sklearn", "numpy"
    code = f"import sys, cli.{module}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=BIN.parent)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_options_are_status_2(name):
    result = run(name, "--no-such-option")
    assert result.returncode == 2
    assert "--no-such-option" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_umbrella_runs_it(name):
    assert run("comedian", name, "--help").stdout == run(name, "--help").stdout


def test_the_umbrella_lists_the_commands():
    listing = run("comedian").stdout
    assert all(f"  {name} " in listing for name in COMMANDS)
    assert run("comedian", "no-such").returncode == 2


def arguments(name, path, tmp_path):
    """A command line in which everything but the input `path` is right."""
    out = tmp_path / "out"
    return {
        "extract-frames": [path, "-o", out],
        "build-bank": [path, "-o", out / "bank.h5"],
        "pretrain-spatial": [path, "-o", out / "a.safetensors", "--recipe", "smoke"],
        "distill": [path, "--bank", path, "-o", out / "a.safetensors", "--recipe", "smoke"],
        "finetune": [path, "-o", out / "a.safetensors", "--recipe", "smoke"],
        "spot": [path, "--model", path, "-o", out / "spots.jsonl"],
        "nms": [path, "-o", out / "spots.jsonl"],
        "evaluate": [path, "-o", out / "scores.json"],
    }[name]


SUFFIX = {
    "extract-frames": ".mkv",
    "build-bank": ".npy",
    "pretrain-spatial": ".h5",
    "distill": ".h5",
    "finetune": ".h5",
    "spot": ".mkv",
    "nms": ".jsonl",
    "evaluate": ".jsonl",
}


@pytest.mark.parametrize("kind", ["missing", "empty", "wrong"])
@pytest.mark.parametrize("name", COMMANDS)
def test_bad_input_is_one_line_and_leaves_nothing(name, kind, tmp_path):
    path = tmp_path / f"input{SUFFIX[name]}"
    if kind == "empty":
        path.touch()
    if kind == "wrong":
        path.write_bytes(b"not at all what was asked for\n" * 40)
    result = run(name, *arguments(name, path, tmp_path))
    assert result.returncode == 1, result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    lines = [line for line in lines if "starting from random weights" not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"{name}: ")
    assert path.name in lines[0]
    out = tmp_path / "out"
    assert not out.exists() or not [item for item in out.rglob("*") if item.is_file()]
