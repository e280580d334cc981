"""`make ablation` is run with stand-ins for the commands, which make nothing: its plan is looked at."""

import subprocess
from pathlib import Path

import pytest

from cli._umbrella import COMMANDS
from tests.command_lines import OF_PAPER, check, noted, options, put_stand_ins

ROOT = Path(__file__).parents[1]
STEPS = "pretrain-spatial", "distill", "finetune"

__all__ = ["options"]  # a fixture


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> list[list[str]]:
    """Every command line of one seed."""
    return lines_of(tmp_path_factory.mktemp("ablation"), "ablation")


def lines_of(folder: Path, goal: str) -> list[list[str]]:
    put_stand_ins(folder / "bin", (*COMMANDS, "python"))
    for name in ("train.txt", "valid.txt"):
        (folder / name).touch()
    variables = {"DATA": folder, "WORK": folder / "work", "SEEDS": 7, "BIN": folder / "bin"}
    make = [
        "make",
        "-s",
        "-f",
        "tests/bench/ablation.mk",
        goal,
        *map("{0[0]}={0[1]}".format, variables.items()),
    ]
    environment = {"PATH": "/usr/bin:/bin", "NOTES": str(folder / "notes")}
    done = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return noted(folder / "notes")


def test_every_command_line_parses(lines, options):
    ours = [words for words in lines if words[0] in COMMANDS]
    assert {words[0] for words in ours} == set(OF_PAPER)
    for words in ours:
        check(words, options)


def test_rows_differ_in_what_they_are_named_for(lines, options):
    plan = {}
    for words in (words for words in lines if words[0] in STEPS):
        values = options(words)
        assert values["seed"] == 7
        init = values["init"] and str(Path(values["init"]).relative_to(values["output"].parents[1]))
        longer = [f"epochs={values['epochs']}"] if values["epochs"] else []
        plan[f"{values['output'].parent.name}/{values['output'].name}"] = (
            init,
            (values["settings"] or []) + longer,
        )
    masks = "mask_share=0.25"
    assert plan == {
        "7/spatial.safetensors": (None, []),
        "step2/distilled.safetensors": (None, []),
        "both/distilled.safetensors": ("spatial.safetensors", []),
        "masks-25-25/distilled.safetensors": ("spatial.safetensors", [masks]),
        "scratch/spotter.safetensors": (None, []),
        "step1/spotter.safetensors": ("spatial.safetensors", []),
        "step2/spotter.safetensors": ("step2/distilled.safetensors", []),
        "both/spotter.safetensors": ("both/distilled.safetensors", []),
        "masks-25-0/spotter.safetensors": ("masks-25-25/distilled.safetensors", []),
        "masks-25-25/spotter.safetensors": ("masks-25-25/distilled.safetensors", [masks]),
        "masks-0-50/spotter.safetensors": ("both/distilled.safetensors", ["mask_share=0.5"]),
        "long/spotter.safetensors": ("both/distilled.safetensors", ["epochs=30"]),
    }


def test_suppressions_differ_in_kind_width_and_ignored_seconds(lines, options):
    """Fifteen pairs of Table 8, each scored once, besides eight rows, R = 8 s of one and an ensemble."""
    seconds = [options(words)["ignored_seconds"] for words in lines if words[0] == "spot"]
    assert sorted(value for value in seconds if value is not None) == [0, 4, 8, 8]
    widths = [options(words)["window"] for words in lines if words[0] == "nms"]
    assert sorted(width for width in widths if width) == sorted([3, 5, 5, 10, 15] * 3 + [10])
    assert sum(words[0] == "evaluate" for words in lines) == 15 + 8 + 1 + 1


def test_the_rows_beyond_the_paper(tmp_path, options):
    lines = lines_of(tmp_path, "beyond")
    for words in (words for words in lines if words[0] in COMMANDS):
        check(words, options)
    banks = {
        options(words)["output"].parent.name: options(words)["teacher"] for words in of(lines, "build-bank")
    }
    assert banks["work"].startswith("timm:tf_efficientnet_lite0@")
    assert banks["norm"].endswith("7/norm/spatial.safetensors")
    norms = [options(words)["settings"] for words in of(lines, "pretrain-spatial")]
    assert sorted(norms, key=str) == [None, ['head_norm="batch"']]
    starts = {
        options(words)["output"].parent.name: options(words)["init"] for words in of(lines, "distill")
    }
    assert {row: Path(start).parent.name for row, start in starts.items()} == {
        "imagenet": "7",
        "norm": "norm",
    }
    assert len(of(lines, "evaluate")) == 2


def of(lines: list[list[str]], command: str) -> list[list[str]]:
    return [words for words in lines if words[0] == command]
