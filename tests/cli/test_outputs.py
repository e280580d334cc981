"""An output that is also an input is refused, whatever it is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_every_command import main_of

SPOT = '{"video": "a/1_x.mkv", "half": 1, "position_ms": 0, "label": "Goal", "confidence": 0.5}\n'
LABELS = '{"annotations": [{"gameTime": "1 - 0:01", "position": "1000", "label": "Goal"}]}'


@pytest.fixture
def files(tiny, tmp_path, monkeypatch) -> dict[str, Path]:
    """Copies that may come to harm: what the commands read, in the working folder."""
    monkeypatch.chdir(tmp_path)
    found = {
        "video.mkv": tiny.video, "frames.h5": tiny.half, "bank.h5": tiny.bank,
        "spatial.safetensors": tiny.spatial, "spotter.safetensors": tiny.spotter,
    }  # fmt: skip
    contents = {name: path.read_bytes() for name, path in found.items()}
    contents |= {"spots.jsonl": SPOT.encode(), "labels.json": LABELS.encode(), "list.txt": b"game\n"}
    contents |= dict.fromkeys(["game/1_x.h5", "game/2_x.h5"], tiny.half.read_bytes())
    contents |= {"recipe.toml": b""}
    for name, content in contents.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)
    return contents


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("spot video.mkv -m spotter.safetensors", "video.mkv"),
        ("spot frames.h5 -m spotter.safetensors", "frames.h5"),
        ("spot frames.h5 -m spotter.safetensors", "spotter.safetensors"),
        ("spot list.txt -m spotter.safetensors", "list.txt"),
        ("spot list.txt -m spotter.safetensors", "game/1_x.h5"),
        ("spot frames.h5 -m spotter.safetensors --scores frames.h5", "new"),
        ("nms spots.jsonl", "spots.jsonl"),
        ("evaluate spots.jsonl --labels labels.json", "spots.jsonl"),
        ("evaluate spots.jsonl --labels labels.json", "labels.json"),
        ("evaluate spots.jsonl --classes list.txt", "list.txt"),
        ("build-bank frames.h5 --teacher spatial.safetensors", "frames.h5"),
        ("build-bank frames.h5 --teacher spatial.safetensors", "spatial.safetensors"),
        ("build-bank game --teacher spatial.safetensors", "game/1_x.h5"),
        ("build-bank frames.h5 --teacher timm:vit_tiny@spatial.safetensors", "spatial.safetensors"),
        ("pretrain-spatial frames.h5 --recipe recipe.toml", "recipe.toml"),
        ("distill frames.h5 --bank bank.h5 --init spatial.safetensors", "bank.h5"),
        ("distill frames.h5 --bank bank.h5 --init spatial.safetensors", "spatial.safetensors"),
        ("finetune frames.h5 --labels labels.json", "labels.json"),
        ("finetune frames.h5 --labels labels.json --valid bank.h5", "bank.h5"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["itself", "hard link", "symlink"])
def test_it_is_refused_and_nothing_is_lost(run, files, line, output, name):
    given = output
    if name != "itself" and Path(output).exists():
        given = name
        (os.link if name == "hard link" else os.symlink)(output, given)
    command, *words = line.split()
    status, out, err = run(main_of(command), *words, "-o", given)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "is also an input; write somewhere else" in err
    assert {name: Path(name).read_bytes() for name in files} == files


def test_two_outputs_must_differ(run, files):
    Path("same").touch()
    words = ["frames.h5", "-m", "spotter.safetensors", "--scores", "same", "-o", "same"]
    status, _, err = run(main_of("spot"), *words)
    assert (status, err) == (1, "spot: same: is also another output; write somewhere else\n")


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("nms -o spots.jsonl < spots.jsonl", "spots.jsonl"),
        ("nms spots.jsonl >> spots.jsonl", "standard output"),
        ("nms < spots.jsonl >> spots.jsonl", "standard output"),
    ],
)
@pytest.mark.usefixtures("files")
def test_standard_streams_count(line, where):
    nms = f"{sys.executable} {Path(__file__).parents[2]}/bin/nms"
    words = ["bash", "-c", line.replace("nms", nms, 1)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"nms: {where}: is also an input; write somewhere else\n"
    assert Path("spots.jsonl").read_text() == SPOT
