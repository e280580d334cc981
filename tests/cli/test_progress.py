"""Progress is for a terminal's stderr; standard output is never touched."""

import os
import pty
import select
import sys
from contextlib import contextmanager

from cli._progress import progress


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
