"""The tutorial's lines, run as they stand there, with tiny weights and a short match in one file."""

import json
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

from tests.conftest import Tiny

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
COMMANDS = (
    "check-data",
    "spot",
    "nms",
    "draw-timeline",
    "cut-clips",
    "extract-frames",
    "finetune",
    "evaluate",
    "convert-spots",
)


WITHOUT_NETWORK = {"laptop": "smoke", "timm:tf_efficientnet_lite0": "distilled.safetensors", "20": "2"}


def lines() -> list[list[str]]:
    """The page's command lines, in words, in order."""
    found = re.findall(r"^    (.*)$", PAGE, re.MULTILINE)
    return [shlex.split(line) for line in found if line.split()[0] in COMMANDS]


def periods() -> str:
    """The file of periods as the page has it."""
    return re.search(r"^    (\{\"intervals\".*?\]\})", PAGE, re.MULTILINE | re.DOTALL)[1]


def corrected(spots: Path) -> str:
    """What the page would download after every third spot was accepted."""
    some = [json.loads(line) for line in spots.read_text().splitlines()][::3]
    return json.dumps(
        [{key: one[key] for key in ("video", "half", "position_ms", "label")} for one in some]
    )


def test_every_line_runs(tiny: Tiny, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny.video, "match.mkv")
    shutil.copy(tiny.spotter, "spotter.safetensors")
    shutil.copy(tiny.distilled, "distilled.safetensors")
    Path("match.mkv.periods.json").write_text(periods().replace("28000", "14000").replace("30000", "16000"))
    done = []
    for words in lines():
        name, more = words[0], []
        if name == "extract-frames":
            Path("corrected.json").write_text(corrected(Path("spots.jsonl")))
            more = ["--size", "64x36"]  # what the tiny weights see
        if name == "finetune":
            words = [WITHOUT_NETWORK.get(word, word) for word in words]
            settings = ["head.epochs=1", "full.epochs=1", "windows_per_game=4"]
            settings += ["spot.ignored_seconds=1", "spot.stride_tokens=2"]
            more = [word for setting in settings for word in ("--set", setting)]
            more += ["--device", "cpu", "--batch-size", "2", *tiny.model_flags]
        if name == "spot":
            more = ["--device", "cpu", "--threshold", "0"]
        main = import_module(f"cli.{name.replace('-', '_')}").main
        status, _, err = run(main, *words[1:], *more)
        assert status == 0 or name == "check-data", (words, err)
        done.append(name)
    assert set(done) == set(COMMANDS)
    for made in (
        "match.html",
        "again.html",
        "reel.mp4",
        "own.safetensors",
        "curves.svg",
        "match.xml",
        "match.csv",
    ):
        assert Path(made).stat().st_size > 100, made
    assert len(list(Path("clips").iterdir())) >= 1
    assert [path.name for path in sorted(Path("frames/match").iterdir())] == ["1.h5", "2.h5"]
    halves = {json.loads(line)["half"] for line in Path("spots.jsonl").read_text().splitlines()}
    assert halves == {1, 2}


def test_its_pictures_are_small_and_said_in_words():
    pictures = re.findall(r"!\[([^]]+)\]\((\S+)\)", PAGE)
    assert [name for _, name in pictures] == ["tutorial-page.png", "tutorial-curves.svg"]
    for words, name in pictures:
        assert len(words) > 40
        assert 10_000 < (ROOT / "docs" / name).stat().st_size < 150_000, name
