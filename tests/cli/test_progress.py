"""Progress is for a terminal's stderr; standard output is never touched."""

import os
import pty
import select
import sys

import pytest

from cli._progress import progress


@pytest.fixture
def terminal(monkeypatch, capfd):
    """stderr as a terminal; call it to read what came to be seen there."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        yield lambda: read_all(ours)
    os.close(ours)


def read_all(terminal: int) -> str:
    text = b""
    while select.select([terminal], [], [], 0.1)[0]:
        text += os.read(terminal, 100_000)
    return text.decode()


def test_bars_on_a_terminal_leave_standard_output_alone(terminal, capfd):
    """Spots and records reach a pipe or file while a bar is drawn."""
    with progress(quiet=False) as report:
        report("spot 1_224p.mkv", 1.0, 2.0)
        print('{"half": 1}', flush=True)
        report("spot 1_224p.mkv", 2.0, 2.0)
    assert capfd.readouterr().out == '{"half": 1}\n'
    assert "spot 1_224p.mkv" in terminal()


def test_a_remark_stands_on_its_own_line(terminal):
    with progress(quiet=False) as report:
        report("task", 1.0, None)
        print("spot: a.mkv: damaged: " + "much " * 60 + "lost", file=sys.stderr)
    assert "spot: a.mkv: damaged: " + "much " * 60 + "lost\r\n" in terminal()


def test_no_bar_with_quiet(terminal):
    with progress(quiet=True) as report:
        report("task", 1.0, 2.0)
    print("end", file=sys.stderr, flush=True)
    assert terminal() == "end\r\n"


def test_no_bar_without_a_terminal(capfd):
    with progress(quiet=False) as report:
        report("task", 1.0, 2.0)
    assert capfd.readouterr() == ("", "")
