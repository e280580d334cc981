"""Command lines of every command that writes, on the tiny files, and how a whole output of each is read."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from comedian.formats.bank import Bank
from comedian.formats.checkpoint import load_checkpoint
from comedian.formats.frames import FramesFile
from comedian.formats.soccernet import read_soccernet

NAMES = (
    "extract-frames", "build-bank", "build-bank of features", "pretrain-spatial", "distill", "finetune",
    "spot", "nms", "nms into a folder", "nms into a zip", "evaluate",
)  # fmt: skip
GAMES = ("a/b/c", "a/b/d")
CPU = ["--device", "cpu", "--quiet"]
SHORT = ["--epochs", 1, "--batch-size", 4, "--set", "windows_per_game=4"]
MOCO = ["--epochs", 1, "--batch-size", 40, "--set", "queue_size=32", "--set", "hidden_dim=16"]
HEAD = ["--set", 'classes=["Goal", "Foul"]', "--set", "spot.ignored_seconds=1", "--set", "head.epochs=1"]


@dataclass(frozen=True)
class Line:
    """Words of a command line, to which `-o` and the output are added; `read` fails on half a file."""

    words: list
    output: str
    read: Callable[[Path], object]


def command_lines(tiny, folder: Path) -> dict[str, Line]:
    """The lines by name; spots and labels, which the tiny files lack, are written into `folder`."""
    spots = folder / "spots.jsonl"
    spots.write_text("".join(json.dumps(spot) + "\n" for spot in _spots()))
    for game in GAMES:
        (folder / game).mkdir(parents=True)
        shutil.copy(next(tiny.labels.rglob("Labels-v2.json")), folder / game)
    return {
        "extract-frames": Line(
            [tiny.videos, "--workers", 3, "--force", "--quiet"], "frames", _each("*.h5", FramesFile)
        ),
        "build-bank": Line([tiny.frames, "--teacher", tiny.spatial, *CPU], "bank.h5", Bank),
        "build-bank of features": Line([tiny.features, "--device", "cpu"], "bank.h5", Bank),
        "pretrain-spatial": Line(
            [tiny.frames, *MOCO, *tiny.model_flags, *CPU], "spatial.safetensors", load_checkpoint
        ),
        "distill": Line(
            [tiny.frames, "--init", tiny.spatial, "--bank", tiny.bank, *SHORT, *CPU],
            "distilled.safetensors",
            load_checkpoint,
        ),
        "finetune": Line(
            [tiny.frames, "--init", tiny.distilled, "--labels", tiny.labels, *HEAD, *SHORT, *CPU],
            "spotter.safetensors",
            load_checkpoint,
        ),
        "spot": Line([tiny.video, "-m", tiny.spotter, *CPU], "spots.jsonl", Path.read_bytes),
        "nms": Line([spots], "spots.jsonl", Path.read_bytes),
        "nms into a folder": Line(
            [spots, "--to", "soccernet"], "results", _each("*.json", _json)
        ),
        "nms into a zip": Line([spots, "--to", "soccernet"], "results.zip", _spots_of),
        "evaluate": Line([spots, "--labels", folder, "--quiet"], "scores.json", Path.read_bytes),
    }  # fmt: skip


def _spots():
    for game in GAMES:
        for half in (1, 2):
            for ms in range(0, 90_000, 300):
                video = f"{game}/{half}_x.mkv"
                yield {"video": video, "half": half, "position_ms": ms, "label": "Goal", "confidence": 0.5}


def _json(path: Path) -> object:
    return json.loads(path.read_text())


def _spots_of(path: Path) -> list:
    return list(read_soccernet(path))


def _each(pattern: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """A reader of all files of a folder that match."""
    return lambda folder: {path.name: read(path) for path in folder.rglob(pattern)}
