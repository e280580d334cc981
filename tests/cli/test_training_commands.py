"""What pretrain-spatial, distill and finetune have in common: flags, recipes, resuming, errors."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from comedian.formats.checkpoint import read_header

BIN = Path(__file__).parents[2] / "bin"
STAGES = ("pretrain-spatial", "distill", "finetune")
KINDS = dict(zip(STAGES, ("spatial", "distilled", "spotter"), strict=True))
BATCH = {"pretrain-spatial": "optim", "distill": "optim", "finetune": "full"}
EPOCHS = "weights.safetensors.epochs"
every_stage = pytest.mark.parametrize("stage", STAGES)


def main_of(stage: str):
    return import_module(f"cli.{stage.replace('-', '_')}").main


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@every_stage
def test_a_run_writes_weights_and_a_line_an_epoch(train, tiny, tmp_path, stage):
    status, out, err = train(stage)
    assert (status, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["epoch"] for record in records if record["stage"] == stage] == [1, 2]
    assert all({"stage", "epoch", "loss", "lr", "seconds"} <= record.keys() for record in records)
    assert files_in(tmp_path / "out") == ["weights.safetensors", EPOCHS]
    assert (tmp_path / "out" / EPOCHS).read_text() == out
    header = read_header(tmp_path / "out" / "weights.safetensors")
    assert header.kind == KINDS[stage]
    assert header.recipe["preset"] == "vivit-tiny"
    assert header.recipe[BATCH[stage]]["batch_size"] == (40 if stage == "pretrain-spatial" else 4)
    assert header.model.embed_dim == 12, "what --init says of the network need not be said again"
    about = json.loads(header.provenance)
    parents = {"pretrain-spatial": [], "distill": ["spatial", "bank"], "finetune": ["distilled"]}[stage]
    assert [Path(parent["name"]).stem for parent in about["parents"]] == parents


@every_stage
def test_the_seed_decides(train, tmp_path, stage):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for output, seed in ((one, 1), (same, 1), (other, 2)):
        assert train(stage, "--seed", seed, "--workers", 1 + (output == same), output=output)[0] == 0
    assert tensors(one) == tensors(same) != tensors(other)


def tensors(path: Path) -> dict[str, bytes]:
    from safetensors.numpy import load_file

    return {name: value.tobytes() for name, value in load_file(path).items()}


@every_stage
def test_show_recipe_prints_what_recipe_reads(train, tmp_path, stage):
    status, out, _ = train(stage, "--show-recipe")
    assert status == 0
    assert tomllib.loads(out)["model"]["embed_dim"] == 12
    assert files_in(tmp_path) == []
    (tmp_path / "mine.toml").write_text(out)
    again = train(stage, "--recipe", tmp_path / "mine.toml", "--show-recipe")[1]
    assert tomllib.loads(again) == tomllib.loads(out)
    assert train(stage, "--recipe", tmp_path / "mine.toml")[0] == 0


@every_stage
def test_remarks_are_for_stderr_and_not_for_the_quiet(run, words, tmp_path, stage):
    line = words(stage, tmp_path / "a.safetensors")
    loud = [word for word in line if word != "--quiet"]
    expected = {
        "pretrain-spatial": ["pretrain-spatial: no --init, starting from random weights"],
        "distill": [],
        "finetune": [
            "finetune: classes, and how many labels: ",
            "finetune: few labels (",
            "finetune: no --valid, keeping the last epoch",
            "finetune: vivit-tiny on this CPU, by a short trial: about ",
            "finetune: the last epoch, in ",
        ],
    }[stage]
    said = run(main_of(stage), *loud)[2].splitlines()
    assert len(said) == len(expected)
    assert all(line.startswith(begin) for line, begin in zip(said, expected, strict=True)), said


@pytest.mark.parametrize(
    ("stage", "kind", "remark"),
    [
        ("pretrain-spatial", "spotter", "is a spotter checkpoint, only its spatial transformer is taken"),
        ("distill", "distilled", "is a distilled checkpoint, only its spatial transformer is taken"),
        ("finetune", "spatial", "is a spatial checkpoint, not distilled, everything is trained for"),
        ("finetune", "spotter", "is a spotter checkpoint, its head is not taken"),
    ],
)
def test_weights_of_another_step_are_remarked_on(run, words, tiny, tmp_path, stage, kind, remark):
    line = [*words(stage, tmp_path / "a.safetensors"), "--init", getattr(tiny, kind), "--epochs", 1]
    status, _, err = run(main_of(stage), *[word for word in line if word != "--quiet"])
    assert status == 0
    assert f"{stage}: {getattr(tiny, kind)}: {remark}" in err


BAD_LINES = {  # more words for a right command line, and what the one line on stderr must say
    "unknown key": ("--set optimise=3", "--set: unknown key 'optimise'; "),
    "unknown nested key": ("--set model.num_token=3", "'num_token'; did you mean num_tokens?"),
    "no value": ("--set precision", "--set: 'precision' is not key=value; write"),
    "wrong type": ("--set model.depth=deep", "--set: depth must be int, not 'deep'"),
    "impossible network": ("--set model.patch_size=5", "model.patch_size = 5 cannot be built; it must"),
    "wrong precision": (
        "--set precision=fp8",
        "precision must be one of 'auto', 'bf16', 'fp32'",
    ),
    "no such recipe": ("--recipe vivit-huge", "vivit-huge: no such recipe; use laptop, smoke"),
    "wrong device": ("--device tpu", "--device: unknown device 'tpu'; use auto, cpu"),
    "a device that is not there": (
        "--device cuda:99",
        "--device: this machine has no device 'cuda:99'; use",
    ),
    "a batch beyond an epoch": ("--batch-size 1000", "a batch needs 1000; lower --batch-size"),
    "no such frames": ("nowhere", "nowhere: no such file or folder; check the path"),
    "videos for frames": ("{tiny.video}", "1_224p.mkv: is not a frames file; make one with extract-frames"),
    "a bank for frames": ("{tiny.bank}", "bank.h5: is not a frames file but comedian bank; make one"),
    "weights for frames": ("{tiny.spotter}", "spotter.safetensors: is not a frames file; make one with"),
    "frames cut short": ("{cut_frames}", "cut.h5: is damaged or cut short; make it again"),
    "no frame in a file": ("{empty}", "empty.h5: is not a frames file; make one with"),
    "frames from stdin": ("-", "-: frames cannot go through a pipe; name a file"),
    "weights to stdout": ("-o -", "-: weights cannot go through a pipe; name a file"),
    "weights from stdin": ("--init -", "-: weights cannot go through a pipe; name a file"),
    "no such start": ("--init nowhere", "nowhere: no such weights file; check the path"),
    "a bank to start from": ("--init {tiny.bank}", "bank.h5: is not a safetensors file; give weights"),
    "a start cut short": ("--init {cut_weights}", "cut.safetensors: is cut short; copy or make it again"),
    "no such timm model": ("--init timm:none", "timm has no model 'none'; timm.list_models()"),
    "a network that differs": (
        "--init {tiny.spotter} --recipe vivit-tiny --set model.embed_dim=24",
        "the recipe says ",
    ),
    "output is a folder": ("-o {tiny.root}", "tiny-files0: is a folder; name a file"),
    "output below a file": ("-o {tiny.bank}/a", "bank.h5: is not a folder; write somewhere else"),
}


@every_stage
@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_command_lines_fail_in_one_line_and_leave_nothing(train, tiny, broken, tmp_path, stage, case):
    more, what = BAD_LINES[case]
    old = tmp_path / "out" / "weights.safetensors"
    old.parent.mkdir()
    old.write_bytes(b"old")
    before = files_in(tiny.root)
    status, out, err = train(stage, *(word.format(tiny=tiny, **broken) for word in more.split()))
    assert (status, out) == (1, ""), err
    assert what in err
    assert err.startswith(f"{stage}: ")
    assert err.count("\n") == 1
    assert files_in(tmp_path) == ["out/weights.safetensors"]
    assert old.read_bytes() == b"old"
    assert files_in(tiny.root) == before


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write into")
@every_stage
def test_a_folder_that_cannot_be_written_is_said_before_training(train, stage):
    status, out, err = train(stage, output=Path("/proc/none/weights.safetensors"))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"{stage}: /proc: cannot write into it: ")


@every_stage
def test_a_traceback_on_request(train, monkeypatch, stage):
    monkeypatch.setenv("COMEDIAN_TRACEBACK", "1")
    err = train(stage, "--batch-size", 1000)[2]
    assert err.startswith("Traceback ")
    assert err.splitlines()[-1].startswith(f"{stage}: ")


def interrupt_once(path: Path) -> None:
    """Ctrl-C to this process as soon as a file is there."""

    def wait() -> None:
        while not path.exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


@every_stage
def test_interrupted_and_resumed_equals_uninterrupted(run, words, tmp_path, stage):
    whole, output = tmp_path / "whole.safetensors", tmp_path / "a" / "weights.safetensors"
    state = output.with_name("weights.safetensors.resume")
    many = ["--epochs", 20]
    interrupt_once(state)
    status, out, err = run(main_of(stage), *words(stage, output), *many)
    assert (status, err) == (130, f"{stage}: interrupted; --resume goes on\n")
    beside = ["weights.so-far.safetensors"] if stage == "finetune" else []
    assert files_in(output.parent) == [EPOCHS, state.name, *beside]
    status, _, err = run(main_of(stage), *words(stage, output), *many)
    assert (status, err.count("\n")) == (1, 1)
    assert f"{state}: an interrupted run left it; go on with --resume, or delete it" in err
    status, rest, err = run(main_of(stage), *words(stage, output), *many, "--resume")
    assert (status, err) == (0, "")
    assert files_in(output.parent) == [output.name, EPOCHS]
    expected = run(main_of(stage), *words(stage, whole), *many)[1]
    assert losses(out + rest) == losses(expected)
    kept = (output.parent / EPOCHS).read_text()
    assert losses(kept) == losses(expected)
    assert kept.count("\n") == expected.count("\n")
    assert tensors(output) == tensors(whole)


def losses(lines: str) -> list[tuple]:
    """What the epochs' records say of learning, not how long they took; told twice, alike, counts once."""
    records = map(json.loads, lines.splitlines())
    told = [(record["stage"], record["epoch"], record["loss"], record["lr"]) for record in records]
    return list(dict.fromkeys(told))


@every_stage
def test_a_state_that_cannot_be_resumed(train, tmp_path, stage):
    output = tmp_path / "out" / "weights.safetensors"
    output.parent.mkdir()
    state = output.with_name("weights.safetensors.resume")
    state.write_bytes(b"not a state")
    status, out, err = train(stage, "--resume")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"{stage}: {state}: " in err
    assert "delete it to begin anew" in err
    assert state.read_bytes() == b"not a state"


@every_stage
def test_resume_without_a_state_is_said(run, words, tmp_path, stage):
    line = [word for word in words(stage, tmp_path / "a.safetensors") if word != "--quiet"]
    status, _, err = run(main_of(stage), *line, "--resume")
    assert status == 0
    assert f"{stage}: nothing to resume, beginning anew\n" in err


def test_a_closed_pipe_does_not_stop_training(words, tmp_path):
    """The weights are the product; that nobody reads the log on is no reason to stop."""
    output = tmp_path / "weights.safetensors"
    command = [sys.executable, BIN / "pretrain-spatial", *words("pretrain-spatial", output)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (0, b"")
    assert read_header(output).kind == "spatial"


def test_curves_for_tensorboard(train, tmp_path):
    pytest.importorskip("tensorboard")
    folder = tmp_path / "out" / "curves"
    status, out, err = train("distill", "--tensorboard", folder)
    assert (status, err, out.count("\n")) == (0, "", 2)
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1


@pytest.mark.parametrize(
    ("folder", "what"),
    [
        ("{tiny.bank}", "bank.h5: is not a folder; write somewhere else"),
        ("-", "-: curves cannot go through a pipe"),
        ("{out}", "--tensorboard: needs the package tensorboard, which is not installed; pip install"),
    ],
)
def test_curves_that_cannot_be_written(train, tiny, tmp_path, monkeypatch, folder, what):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    folder = folder.format(tiny=tiny, out=tmp_path / "curves")
    status, out, err = train("pretrain-spatial", "--tensorboard", folder)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert what in err
    assert files_in(tmp_path) == []
