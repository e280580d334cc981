"""A remedy that names an option can be typed: every command that prints it has the option."""

import ast
import errno
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from cli._status import _in_words
from cli._umbrella import COMMANDS, WITHIN
from tests.cli.test_every_command import main_of
from tests.help_pages import help_of

ROOT = Path(__file__).parents[2]
TRAINING = ("pretrain-spatial", "distill", "finetune")
FRAMES = ("extract-frames", "build-bank", "spot", *TRAINING)
DEVICES = ("build-bank", "spot", *TRAINING)
REACH = {  # file whose messages name options -> the commands that can print them
    "comedian/bank/build.py": ("build-bank",),
    "comedian/bank/query.py": ("build-bank",),
    "comedian/data/sampling.py": TRAINING,
    "comedian/about/info.py": ("info",),
    "comedian/data/check.py": ("check-data",),
    "comedian/data/check_labels.py": ("check-data",),
    "comedian/data/gather.py": ("check-data",),
    "comedian/devices.py": DEVICES,
    "comedian/distributed.py": DEVICES,
    "comedian/evaluation/pairing.py": ("evaluate",),
    "comedian/evaluation/remarks.py": ("evaluate",),
    "comedian/formats/convert.py": ("convert-spots",),
    "comedian/formats/labels_in.py": ("convert-spots",),
    "comedian/formats/labels_out.py": ("convert-spots",),
    "comedian/formats/games.py": (*FRAMES, "check-data"),
    "comedian/formats/lookup.py": ("evaluate", "finetune", "check-data", "tune-nms"),
    "comedian/models/spotter.py": ("distill",),
    "comedian/recipes/resolve.py": TRAINING,
    "comedian/data/halves.py": ("finetune",),
    "comedian/training/actions.py": ("finetune",),
    "comedian/training/board.py": TRAINING,
    "comedian/training/classes.py": ("finetune",),
    "comedian/training/own_data.py": ("finetune",),
    "comedian/training/epochs.py": TRAINING,
    "comedian/training/finetune.py": ("finetune",),
    "comedian/training/memory.py": TRAINING,
    "comedian/training/outlook.py": ("finetune",),
    "comedian/training/plans.py": TRAINING,
    "cli/_memory.py": TRAINING,
    "cli/_tally.py": ("nms",),
    "comedian/pages/thumbnails.py": ("draw-timeline",),
    "comedian/video/clips.py": ("cut-clips",),
    "comedian/video/cutting.py": ("cut-clips",),
    "comedian/video/remux.py": ("cut-clips",),
    "comedian/video/workers.py": ("extract-frames",),
    "comedian/weights/hub.py": ("spot",),
    "comedian/weights/quantise.py": ("export-model",),
    "cli/_suppression.py": ("nms",),
    "cli/_precision.py": ("nms", "cut-clips"),
    "cli/_init.py": TRAINING,
    "cli/_training.py": TRAINING,
    **{f"cli/{name.replace('-', '_')}.py": (name,) for name in COMMANDS | WITHIN},
}
ONLY = {  # options in those files that fewer commands are told of
    ("cli/finetune.py", "--top"): ("nms",),
    ("cli/finetune.py", "--table"): ("nms",),
    ("cli/_precision.py", "--window"): ("nms",),
    ("comedian/formats/games.py", "--half"): ("spot", "extract-frames"),
    ("comedian/formats/games.py", "--teacher"): ("build-bank",),
    ("comedian/formats/games.py", "--features-name"): ("build-bank",),
    ("comedian/distributed.py", "--batch-size"): TRAINING,
}
OTHERS = {"--nproc-per-node"}  # torchrun's
OPTION = re.compile(r"(?<![\w-])(?:(\w[\w-]*) )?(--[a-z][a-z-]+)")  # with the command before it, if one is


def messages(path: Path) -> set[str]:
    """Texts of a file that could reach a user: no docstrings."""
    tree = ast.parse(path.read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    }


FILES = sorted([*(ROOT / "comedian").rglob("*.py"), *(ROOT / "cli").glob("*.py")])
NAMED = [
    (str(path.relative_to(ROOT)), command, option)
    for path in FILES
    for text in sorted(messages(path))
    for command, option in OPTION.findall(text)
    if option not in OTHERS
]
SHARED = (  # define options, or name those of several commands
    "cli/_app.py",
    "cli/_completion.py",
    "cli/_offered.py",
    "cli/_flags.py",
    "cli/_options.py",
    "cli/_scoring.py",
    "cli/_umbrella.py",
    "cli/_status.py",
)


def options_of(name: str) -> set[str]:
    return {option for _, option in OPTION.findall(help_of(name))}


@pytest.mark.parametrize(("file", "command", "option"), [one for one in NAMED if one[0] not in SHARED])
def test_an_option_in_a_message_exists_where_it_is_read(file, command, option):
    told = (command,) if command in COMMANDS | WITHIN else ONLY.get((file, option), REACH.get(file, ()))
    assert told, f"{file} names {option}: say in REACH which commands can print that"
    for name in told:
        assert option in options_of(name), f"{name} is told of {option} and has none"


def test_the_table_is_not_out_of_date():
    named = {file for file, command, _ in NAMED if command not in COMMANDS | WITHIN}
    assert set(REACH) >= named - set(SHARED)
    assert {file for file in REACH if not file.startswith("cli/")} <= {file for file, *_ in NAMED}


def words_of(name: str, source: Path, tiny, output: Path) -> list:
    """A command line of a command that looks for files in `source`."""
    own = {
        "build-bank": ["--teacher", tiny.spatial, "-o", output],
        "extract-frames": ["-o", output],
        "spot": ["-m", tiny.spotter],
        "distill": ["--bank", tiny.bank, "-o", output],
    }
    return [source, *own.get(name, ["-o", output])]


@pytest.mark.parametrize("name", FRAMES)
def test_of_several_files_for_a_half_one_can_be_chosen(name, run, tiny, tmp_path):
    """The remedy of the message is typed, and there is no such message any more."""
    file = tiny.video if name in ("extract-frames", "spot") else tiny.half
    for ending in ("224p", "720p"):
        target = tmp_path / "game" / f"1_{ending}{file.suffix}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(file, target)
    words = words_of(name, tmp_path / "game", tiny, tmp_path / "out")
    status, _, err = run(main_of(name), *words)
    assert status == 1
    assert "holds several files for one half: 1_224p" in err
    remedy = re.search(r"as in (--\S+ \S+)$", err.strip())
    status, _, err = run(main_of(name), *words, *shlex.split(remedy[1]), "--quiet")
    assert "holds several files" not in err
    assert status == (0 if name in ("build-bank", "extract-frames", "spot") else 1), err


def test_classes_nobody_labelled_are_named_by_a_setting_that_works(train, tmp_path):
    output = tmp_path / "a" / "weights.safetensors"
    status, _, err = train("finetune", "--set", 'classes=["Tor"]', output=output)
    assert status == 1
    words = shlex.split(err.split("name them: ")[1])
    assert train("finetune", *words, output=output)[0] == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((10**6, 10**6), np.dtype("f8")),
        RuntimeError("err == 0. DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_want_of_memory_is_told_with_what_takes_less(error):
    assert _in_words(error, "distill") == ("out of memory; lower --batch-size, or take a smaller --recipe")
    assert "--batch-size" not in _in_words(error, "comedian diff")
    for name in COMMANDS:
        option = re.search(r"--[a-z-]+", _in_words(error, name))
        assert option is None or option[0] in help_of(name)
