"""Progress is for a terminal's stderr; standard output is never touched."""

import os
import pty
import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli._progress import loading, progress

BIN = Path(__file__).parents[2] / "bin"


@contextmanager
def terminal(monkeypatch):
    """stderr becomes a terminal; yields a function that tells what came to be seen there."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        patch.setenv("TERM", "xterm")
        yield lambda: read_all(ours)
    os.close(ours)


def read_all(terminal: int) -> str:
    text = b""
    while select.select([terminal], [], [], 0.1)[0]:
        text += os.read(terminal, 100_000)
    return text.decode()


def test_bars_on_a_terminal_leave_standard_output_alone(monkeypatch, capfd):
    """Spots and records reach a pipe or file while a bar is drawn."""
    with terminal(monkeypatch) as seen:
        with progress(quiet=False) as report:
            report("spot 1_224p.mkv", 1.0, 2.0)
            print('{"half": 1}', flush=True)
            report("spot 1_224p.mkv", 2.0, 2.0)
        assert "spot 1_224p.mkv" in seen()
    assert capfd.readouterr().out == '{"half": 1}\n'


def test_a_note_stands_in_place_of_the_time_left(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    note = "finetune head 1/10, loss 0.6931, 11:02:03 left"
    with terminal(monkeypatch) as seen:
        with progress(quiet=False) as report:
            report("training", 1.0, 2.0, note)
        shown = seen()
        assert f"50% {note}" in shown, "all of it, on 80 columns"
        assert "training" in shown


def test_a_long_remark_stands_on_a_line_of_its_own(monkeypatch):
    remark = "spot: a.mkv: damaged: " + "much " * 60 + "lost"
    with terminal(monkeypatch) as seen:
        with progress(quiet=False) as report:
            report("task", 1.0, None)
            print(remark, file=sys.stderr)
        assert f"{remark}\r\n" in seen()


def test_no_bar_with_quiet(monkeypatch):
    with terminal(monkeypatch) as seen:
        with progress(quiet=True) as report:
            report("task", 1.0, 2.0)
        print("end", file=sys.stderr, flush=True)
        assert seen() == "end\r\n"


def test_no_bar_without_a_terminal(capfd):
    with progress(quiet=False) as report:
        report("task", 1.0, 2.0)
    assert capfd.readouterr() == ("", "")


def test_the_word_is_gone_before_anything_else_is_said(monkeypatch):
    with terminal(monkeypatch) as seen:
        with loading("spot", quiet=False):
            assert seen() == "spot: loading"
        assert seen() == f"\r{' ' * len('spot: loading')}\r"
        with loading("spot", quiet=True):
            pass
        assert seen() == ""


def test_no_word_without_a_terminal(capfd):
    with loading("spot", quiet=False):
        assert capfd.readouterr() == ("", "")


LINES = {
    "pretrain-spatial": ["nowhere", "-o", "a.safetensors"],
    "distill": ["nowhere", "-o", "a.safetensors", "--init", "nothing"],
    "finetune": ["nowhere", "-o", "a.safetensors"],
    "spot": [],
}


@pytest.mark.parametrize("command", LINES)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_command_on_a_terminal_says_that_it_loads(command, quiet, tiny, tmp_path):
    """Before torch is imported, which a folder of that name that raises tells; spot already before that."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise OSError('torch is imported')")
    ours, theirs = pty.openpty()
    words = [sys.executable, BIN / command, *(LINES[command] or [tiny.video]), *["--quiet"] * quiet]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, stderr=theirs, stdout=subprocess.PIPE, cwd=tmp_path, env=environment)
    word = "" if quiet else f"{command}: loading"
    seen = read_all(ours)
    for end in (ours, theirs):
        os.close(end)
    assert done.stdout == b""
    told = f"{word}\r{' ' * len(word)}\r" if word else ""
    assert seen == f"{told * (1 + (command == 'spot'))}{command}: torch is imported\r\n"
