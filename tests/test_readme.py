"""README's lines run as they stand there: the library's example, and the way to one's own sport."""

import json
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

from comedian.formats.checkpoint import load_checkpoint
from tests.conftest import write_video
from tests.test_tutorial import WITHOUT_NETWORK

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SHOTS = (("serve", 3), ("bounce", 5), ("bounce", 9), ("serve", 17), ("bounce", 21), ("bounce", 26))
MATCH = ROOT / "tests/data/matches/gfootball/2026/000105 FRQ 0 - 1 RBA"


def test_the_library_example_scores_a_match(tiny, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for name in ("1_224p.mkv", "Labels-v2.json"):
        (tmp_path / name).symlink_to(MATCH / name)
    shutil.copy(tiny.spotter, tmp_path / "spotter.safetensors")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert 0 <= float(capsys.readouterr().out) <= 1
    assert names["spots"]
    assert len([line for line in code.splitlines() if line and "import" not in line]) == 3


def test_two_videos_of_another_sport(tiny, tmp_path, monkeypatch, run):
    """Annotate, extract, train, spot, look, correct, train again: with classes that no recipe knows."""
    monkeypatch.chdir(tmp_path)
    names = ("one", "two")
    for seed, name in enumerate(names):
        write_video(Path(f"{name}.mkv"), seed)
    shutil.copy(tiny.distilled, "distilled.safetensors")
    rows = [f"{name}.mkv;{label};0:{second:02d}" for name in names for label, second in SHOTS]
    Path("labels.csv").write_text("\n".join(["video;label;clock", *rows]))
    small = [
        "full.epochs=1",
        "scratch_epochs=1",
        "head.epochs=1",
        "windows_per_game=4",
        "spot.ignored_seconds=1",
        "spot.stride_tokens=2",
    ]
    small = [word for setting in small for word in ("--set", setting)]
    small += ["--device", "cpu", "--batch-size", "2", *tiny.model_flags]
    more = {"extract-frames": ["--size", "64x36"], "finetune": small, "spot": ["--threshold", "0"]}
    section = re.search(r"## Your own sport\n(.*?)\n## ", README, re.DOTALL)[1]
    for line in re.findall(r"^    (.*)$", section, re.MULTILINE):
        name, *words = [WITHOUT_NETWORK.get(word, word) for word in shlex.split(line)]
        if "corrected" in words:
            correct(Path("corrected"))
        status, _, err = run(
            import_module(f"cli.{name.replace('-', '_')}").main, *words, *more.get(name, [])
        )
        assert status == 0, (line, err)
        assert name != "finetune" or "classes, and how many labels: " in err
    assert load_checkpoint("own.safetensors", "spotter").header.classes == ("bounce", "serve")
    assert load_checkpoint("better.safetensors", "spotter").header.classes == ("bounce", "net", "serve")
    assert sorted(page.name for page in Path("pages").iterdir()) == ["one.html", "two.html"]


def correct(folder: Path) -> None:
    """What the pages let one download, named as they name it, after a label was changed."""
    folder.mkdir()
    for page in Path("pages").iterdir():
        data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)[1])
        kept = [item for item in data["items"] if item[5]]
        labels = [
            {
                "video": data["halves"][half]["video"],
                "half": data["halves"][half]["number"],
                "position_ms": round(1000 * seconds),
                "label": data["classes"][label] if number else "net",
            }
            for number, (half, seconds, label, *_) in enumerate(kept)
        ]
        (folder / f"{data['name']}.json").write_text(json.dumps(labels))
