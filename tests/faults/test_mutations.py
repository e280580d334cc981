"""Every reader, given files that were changed at random, reads them or refuses them in words.

COMEDIAN_MUTATIONS is their number for each kind of file, COMEDIAN_FAULTS_SEED draws others.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from comedian.bank.build import Part
from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.frames import FramesFile
from comedian.formats.games import read_list
from comedian.formats.labels import read_labels
from comedian.formats.scores import Scores, ScoresFile, write_scores
from comedian.formats.soccernet import read_soccernet, write_soccernet
from comedian.formats.spots import read_spots
from comedian.formats.tokens import TokensFile, write_tokens
from comedian.recipes.resolve import resolve, to_toml
from comedian.training.optim import adamw
from comedian.training.state import Place, restore, save_state
from comedian.video.sample import sample_frames
from comedian.weights.load import load_spotter
from tests.faults import mutate
from tests.faults.mutate import Reader, mutated, outcome

NUMBER = int(os.environ.get("COMEDIAN_MUTATIONS", 15))
SEED = os.environ.get("COMEDIAN_FAULTS_SEED", "0")


@pytest.fixture(scope="module")
def readers(tiny, tmp_path_factory) -> dict[str, Reader]:
    """By kind, a sound file and its reader."""
    folder = tmp_path_factory.mktemp("sound")
    labels = next(tiny.labels.rglob("Labels-v2.json"))
    state, recipe, restored = a_state(folder / "a.resume")
    return {
        "frames": Reader(tiny.half, read_frames, (mutate.in_hdf5,)),
        "bank": Reader(tiny.bank, Bank, (mutate.in_hdf5,)),
        "scores": Reader(some_scores(folder), lambda path: list(ScoresFile(path)), (mutate.in_hdf5,)),
        "tokens": Reader(some_tokens(folder), read_tokens, (mutate.in_hdf5,)),
        "features": Reader(next(tiny.features.rglob("*.npy")), read_features, (mutate.in_npy,)),
        "weights": Reader(tiny.spotter, load_spotter, (mutate.in_safetensors,)),
        "resume state": Reader(state, restored),
        "recipe": Reader(recipe, lambda path: resolve("distill", str(path)), (mutate.in_toml,)),
        "spots": Reader(some_spots(folder), read_lines_of_spots, (mutate.in_json_lines,)),
        "labels": Reader(labels, read_labels, (mutate.in_json,)),
        "results": Reader(some_results(folder), lambda path: list(read_soccernet(path)), (mutate.in_json,)),
        "results in a zip": Reader(a_zip(folder), lambda path: list(read_soccernet(path))),
        "list": Reader(tiny.list, read_list),
        "video": Reader(tiny.video, read_video),
    }


@pytest.fixture
def reader(kind, request) -> Reader:
    """That of a kind; an exported spotter's only where ONNX is installed."""
    if kind == "exported spotter":
        return Reader(request.getfixturevalue("tiny_onnx"), run_exported, (mutate.in_onnx,))
    return request.getfixturevalue("readers")[kind]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="looks into /proc")
@pytest.mark.parametrize("kind", mutate.KINDS)
def test_every_mutation(kind, reader, tmp_path, fault):
    name = "results_spotting.json" if kind == "results" else reader.sound.name
    assert outcome(reader.read, reader.sound) == "read"
    for number in range(NUMBER):
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        seed = f"{kind} {SEED} {number}"
        path.write_bytes(mutated(reader, seed))
        with fault():
            said = outcome(reader.read, path)
            assert said in ("read", "refused"), f"{seed}: {said}"
            path.unlink()


def read_frames(path: Path) -> None:
    file = FramesFile(path)
    for index in range(len(file)):
        with suppress(InputError):  # a frame is told by itself
            file.read([index])


@torch.inference_mode()
def run_exported(path: Path) -> None:
    spotter = load_spotter(path)
    spotter.read(spotter.spatial.encode(torch.zeros(2, 3, 2, 32, 32))[None])


def read_features(path: Path) -> None:
    Part("a", 1, path, path, np.arange(3)).load()


def read_lines_of_spots(path: Path) -> list:
    with path.open(encoding="utf-8") as stream:
        return list(read_spots(stream, str(path)))


def read_video(path: Path) -> None:
    for _ in sample_frames(path, 2, (32, 16), on_damage=lambda message: None):
        pass


def read_tokens(path: Path) -> None:
    file = TokensFile(path)
    file.read(0, len(file))


def some_tokens(folder: Path) -> Path:
    write_tokens(folder / "1.tokens", np.random.default_rng(0).random((30, 8), np.float32), "key")
    return folder / "1.tokens"


def some_scores(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    halves = [
        Scores("a/1.mkv", half, np.arange(9) + 0.25, *rng.random((1, 9, 3), np.float32), None, offsets)
        for half, offsets in ((1, None), (2, rng.random((9, 3), np.float32)))
    ]
    write_scores(folder / "scores.h5", halves, ("Goal", "Foul", "Corner"), "{}")
    return folder / "scores.h5"


def spots() -> list[dict]:
    return [
        {
            "video": f"a/b/c/{half}_x.mkv",
            "half": half,
            "position_ms": ms,
            "label": "Goal",
            "confidence": 0.5,
        }
        for half in (1, 2)
        for ms in range(0, 90_000, 9_000)
    ]


def some_spots(folder: Path) -> Path:
    path = folder / "spots.jsonl"
    path.write_text("".join(json.dumps(spot) + "\n" for spot in spots()))
    return path


def some_results(folder: Path) -> Path:
    write_soccernet(spots(), folder / "results")
    return next(folder.rglob("results_spotting.json"))


def a_zip(folder: Path) -> Path:
    write_soccernet(spots(), folder / "results.zip")
    return folder / "results.zip"


def a_state(path: Path):
    """A state to resume from, a recipe's file, and what reads the state."""
    recipe = resolve("distill", "vivit-tiny")
    path.with_name("recipe.toml").write_text(to_toml("distill", recipe))
    identity = {"seed": 0, "recipe": recipe}
    step = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))
    optimizer = adamw(step, recipe.optim, torch.device("cpu"))
    step(torch.ones(2, 5)).sum().backward()
    optimizer.step()
    save_state(path, Place("toy", 1, (0.5, 0.25)), identity, step, optimizer)
    return path, path.with_name("recipe.toml"), lambda file: restore(file, "toy", identity, step, optimizer)
