"""The recipe of the Makefile, run with stand-ins that write their words down."""

import subprocess
from pathlib import Path

import pytest

from cli._umbrella import COMMANDS
from tests.command_lines import OF_PAPER, check, noted, options, put_stand_ins

ROOT = Path(__file__).parents[1]
STEPS = "pretrain-spatial", "distill", "finetune"

__all__ = ["options"]  # a fixture


@pytest.fixture
def make(tmp_path):
    """make(*words): status, what was said, and every command line of ours, in words."""
    put_stand_ins(tmp_path / "bin", (*COMMANDS, "comedian"))
    (tmp_path / "data").mkdir()
    for name in ("train", "valid", "test"):
        (tmp_path / "data" / f"{name}.txt").touch()
    (tmp_path / "stamp").touch()
    places = {"STAMP": "stamp", "BIN": "bin", "DATA": "data", "WORK": "work"}

    def call(*words: str):
        named = [f"{key}={tmp_path / name}" for key, name in places.items()]
        environment = {"PATH": "/usr/bin:/bin", "NOTES": str(tmp_path / "notes")}
        (tmp_path / "notes").write_text("")
        line = ["make", "-s", *words, *named]
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr, noted(tmp_path / "notes")

    return call


def of(lines: list[list[str]], name: str) -> list[str]:
    (found,) = [words for words in lines if words[0] == name]
    return found


def test_every_command_line_parses(make, options):
    _, _, lines = make("recipe")
    assert [words[:2] for words in lines[:1]] == [["comedian", "check-recipe"]], "before anything else"
    ours = [words for words in lines if words[0] in COMMANDS]
    assert {words[0] for words in ours} == set(OF_PAPER)
    for words in ours:
        check(words, options)
    options(["check-recipe", *lines[0][2:]])


def test_words_for_all_steps_and_for_one(make, options):
    said = ["BATCH=pretrain-spatial=256 16", "EPOCHS=distill=50", "MEMORY=24GB"]
    _, _, lines = make("recipe", *said, "SET=model.depth=6 finetune.mask_share=0")
    values = {name: options(of(lines, name)) for name in STEPS}
    assert [values[name]["batch_size"] for name in STEPS] == [256, 16, 16]
    assert [values[name]["epochs"] for name in STEPS] == [None, 50, None]
    assert [values[name]["memory"] for name in STEPS] == [24 * 10**9] * 3
    depth = "model.depth=6"
    assert [values[name]["settings"] for name in STEPS] == [[depth], [depth], [depth, "mask_share=0"]]
    asked = options(["check-recipe", *lines[0][2:]])
    assert asked["settings"] == [depth, "finetune.mask_share=0"]
    assert (asked["batch_size"], asked["epochs"]) == (["pretrain-spatial=256", "16"], ["distill=50"])


def test_without_words_nothing_is_changed(make, options):
    _, _, lines = make("recipe")
    for name in STEPS:
        values = options(of(lines, name))
        changed = [values[key] for key in ("batch_size", "epochs", "memory", "settings")]
        assert [value for value in changed if value] == []


def test_a_finding_stops_it(make, tmp_path):
    (tmp_path / "bin" / "comedian").write_text("#!/bin/bash\necho 'x: is wrong'; exit 1\n")
    status, said, lines = make("recipe")
    assert status != 0
    assert "x: is wrong" in said
    assert "make recipe: ANYWAY=1 goes on in spite of what was found\n" in said
    assert lines == []
    assert [words[0] for words in make("recipe", "ANYWAY=1")[2]][:1] == ["extract-frames"]


def test_what_is_made_is_not_checked_again(make, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "test.json").write_text("{}")
    assert make("recipe")[2][:1] != [["comedian", "check-recipe"]]


def test_a_plan_is_of_each_step_as_it_would_run(make, tmp_path, options):
    status, said, lines = make("plan", "BATCH=8")
    assert (status, [words[0] for words in lines]) == (0, ["extract-frames", *STEPS])
    assert "spot\nnot known before step 3\n" in said
    _, _, real = make("recipe", "BATCH=8")
    for words in lines:
        assert options(words)["plan"]
        if words[0] != "extract-frames":
            assert words == [*of(real, words[0]), "--plan"]


def test_a_plan_is_of_what_is_left(make, tmp_path, options):
    work = tmp_path / "work"
    work.mkdir()
    (work / "spatial.safetensors").touch()
    status, said, lines = make("plan")
    assert (status, [words[0] for words in lines]) == (0, ["extract-frames", "distill", "finetune"])
    assert f"step 1: pretrain-spatial\ndone: {work}/spatial.safetensors\n" in said
    for name in ("distilled", "spotter"):
        (work / f"{name}.safetensors").touch()
    of_videos = make("plan")[2][-1]
    (work / "test.frames").touch()
    of_frames = make("plan")[2][-1]
    assert of_videos[0] == of_frames[0] == "spot"
    roots = [options(words)["root"] for words in (of_videos, of_frames)]
    assert roots == [tmp_path / "data", work / "frames"]


def test_banks_and_processes_are_passed_on(make, options):
    bank, launch = "--root data --features-name baidu.npy", "env A=1"
    _, _, lines = make("recipe", f"BANK={bank}", f"LAUNCH={launch}")
    asked = options(["check-recipe", *lines[0][2:]])
    assert (asked["bank"], asked["launch"]) == (bank, launch)
    assert of(lines, "build-bank")[4:8] == ["--root", "data", "--features-name", "baidu.npy"]
