"""docs/library.md runs from top to bottom, as it stands there."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import torch

from comedian.formats.checkpoint import load_checkpoint
from comedian.recipes.resolve import resolve, to_toml
from tests.threads import torch_threads

PAGE = (Path(__file__).parents[1] / "docs" / "library.md").read_text()
SETTINGS = ("full.batch_size=4", "windows_per_game=4", "spot.ignored_seconds=1", 'classes=["Goal", "Foul"]')


def put_files(tiny, folder: Path) -> None:
    """Everything that the page names."""
    shutil.copy(tiny.spotter, folder / "spotter.safetensors")
    for name, target in {
        "1_224p.mkv": tiny.video,
        "Labels-v2.json": tiny.video.with_name("Labels-v2.json"),
        "frames": tiny.frames,
        "labels": tiny.labels,
    }.items():
        (folder / name).symlink_to(target)
    settings = [setting for setting in tiny.model_flags if setting != "--set"]
    recipe = resolve("finetune", "vivit-tiny", [*settings, *SETTINGS])
    (folder / "recipe.toml").write_text(to_toml("finetune", recipe))


def test_every_example_runs(tiny, tmp_path, monkeypatch, capsys):
    put_files(tiny, tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    threads = torch.get_num_threads()
    with torch_threads(threads):  # the page sets them
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)):
            if "onnx" in code and not find_spec("onnxruntime"):
                continue
            exec(compile(code, f"library.md, example {number}", "exec"), names)
    assert torch.get_num_threads() == threads
    assert names["result"]["n_games"] == 1
    assert names["scores"].probabilities.shape == (30, 3)
    assert {line["error"] for line in names["errors"]} <= {"hit", "miss", "duplicate", "wrong class"} | {
        "wrong place",
        "false alarm",
    }
    assert (tmp_path / "curves.svg").read_text().startswith("<svg")
    assert (tmp_path / "match.html").read_text().startswith("<!doctype html>")
    assert 10 < len(names["pictures"]) <= 20
    assert all(path.is_file() for path in [*names["files"], tmp_path / "reel.mp4"])
    assert names["tuned"].units == "games"
    assert set(names["tasks"]) == {"1/1 1_224p.mkv"}
    assert load_checkpoint("mine.safetensors", "spotter").header.classes == ("Goal", "Foul")
    assert len(names["losses"]) == 1
    assert names["loss"].isfinite()
    assert names["check"].looked["frames file"] == 4
    assert names["about"]["weights"] == "spotter"
    assert names["changes"]["classes"] == (["Goal", "Foul", "Corner"], ["Goal", "Foul"])
    assert "'stage': 'finetune', 'epoch': 1" in capsys.readouterr().out
