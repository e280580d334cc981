"""Kills and signals at random moments of every command that writes.

Whatever comes, what stood at the output is there whole, or the new one is; no process lives on; nothing but
a line is said. COMEDIAN_FAULTS is the number of kills of each command.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults._commands import Line, command_lines

BIN = Path(__file__).parents[2] / "bin"
ROUNDS = int(os.environ.get("COMEDIAN_FAULTS", 1))
PATIENCE = 10.0  # seconds that the end may take
NAMES = (
    "extract-frames", "build-bank", "build-bank of features", "pretrain-spatial", "distill", "finetune",
    "spot", "nms", "nms into a folder", "nms into a zip", "evaluate",
)  # fmt: skip
KILL, TERM, INT, HUP = signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP
BLOWS = ((KILL,), (TERM,), (INT,), (TERM, TERM), (HUP,), (INT, INT))
QUIET_ENDS = (0, 130)


@pytest.fixture(scope="module")
def lines(tiny, tmp_path_factory) -> dict[str, Line]:
    return command_lines(tiny, tmp_path_factory.mktemp("inputs"))


def begin(name: str, line: Line, folder: Path) -> subprocess.Popen:
    """The command in a session of its own, writing into `folder`."""
    words = [sys.executable, BIN / name.split()[0], *line.words, "-o", folder / line.output]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([*map(str, words)], env=environment, start_new_session=True, **pipes)


def wait_for_the_first_line(process: subprocess.Popen) -> None:
    """Until signals are handled; what comes before is Python's own start."""
    while process.poll() is None:
        fields = dict(
            line.split(":\t")
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        if int(fields["SigCgt"], 16) >> (TERM - 1) & 1:
            return
        time.sleep(0.001)


def members(session: int) -> list[str]:
    """Processes of a session that still live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(own) == session and state != "Z":
            found.append(stat.parent.name)
    return found


def all_end(session: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while left := members(session):
        if time.monotonic() > deadline:
            os.killpg(session, KILL)
            raise AssertionError(f"{left} live on")
        time.sleep(0.01)
    return True


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name.endswith(".part")]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name, lines, tmp_path):
    line = lines[name]
    whole = tmp_path / "whole"
    whole.mkdir()
    started = time.monotonic()
    assert begin(name, line, whole).wait() == 0
    seconds = time.monotonic() - started
    draw = random.Random(f"{name} {os.environ.get('COMEDIAN_FAULTS_SEED', 0)}")
    blows = itertools.islice(itertools.cycle(BLOWS), NAMES.index(name), None)
    for number, blow in zip(range(ROUNDS), blows, strict=False):
        folder = tmp_path / f"{number}"
        shutil.copytree(whole, folder)
        after = strike(name, line, folder, blow, draw.uniform(0, seconds))
        check(line, folder, whole, after)
        if blow == (KILL,) and number < 6 * 20:
            assert begin(name, line, folder).wait() == 0, "what is left is in nobody's way"
            assert not leftovers(folder)
        shutil.rmtree(folder)


def strike(name: str, line: Line, folder: Path, blow: tuple, moment: float) -> str:
    """Send signals at a moment after the first line; return how and when, for messages."""
    process = begin(name, line, folder)
    wait_for_the_first_line(process)
    time.sleep(moment)
    for signum in blow:
        if process.poll() is None:
            os.kill(process.pid, signum)
            time.sleep(0.02)
    _, err = process.communicate(timeout=PATIENCE)
    names, command = "+".join(item.name for item in blow), name.split()[0]
    after = f"{name}, {names} after {moment:.3f} s: {process.returncode} {err.decode()}"
    said = "", f"{command}: interrupted\n", f"{command}: interrupted; --resume goes on\n"
    assert process.returncode in (*QUIET_ENDS, -KILL if KILL in blow else 0), after
    assert err.decode() in said, after
    assert all_end(process.pid), after
    assert KILL in blow or not leftovers(folder), after
    return after


def check(line: Line, folder: Path, whole: Path, after: str) -> None:
    """Every file is one that a whole run leaves, or the state of one that is to go on; each is whole."""
    known = {path.relative_to(whole) for path in whole.rglob("*")} | {Path(f"{line.output}.resume")}
    found = {path.relative_to(folder) for path in folder.rglob("*") if ".part" not in str(path)}
    assert found <= known, after
    try:
        read = line.read(folder / line.output)
    except Exception as error:
        raise AssertionError(after) from error
    if isinstance(read, bytes | list):
        assert read == line.read(whole / line.output), after
