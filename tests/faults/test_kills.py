"""Kills and signals at random moments of every command that writes.

Whatever comes, what stood at the output is there whole, or the new one is; no process lives on; nothing but
a line is said. COMEDIAN_FAULTS is the number of kills of each command, COMEDIAN_FAULTS_SEED draws others.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults._commands import NAMES, Line
from tests.faults._runs import PATIENCE, all_end, begin, check, leftovers

ROUNDS = int(os.environ.get("COMEDIAN_FAULTS", 1))
AGAIN = 20  # times that a command is run again after it was killed
KILL, TERM, INT, HUP = signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP
BLOWS = ((KILL,), (TERM,), (INT,), (TERM, TERM), (HUP,), (INT, INT))
QUIET_ENDS = (0, 130)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name, lines, whole, tmp_path, fault):
    line, before = lines[name], whole(name)
    draw = random.Random(f"{name} {os.environ.get('COMEDIAN_FAULTS_SEED', 0)}")
    blows = itertools.islice(itertools.cycle(BLOWS), NAMES.index(name), None)
    for number, blow in zip(range(ROUNDS), blows, strict=False):
        folder = tmp_path / f"{number}"
        shutil.copytree(before.folder, folder)
        with fault():
            after = strike(name, line, folder, blow, draw.uniform(0, before.seconds))
            check(line, folder, before.folder, after)
            if blow == (KILL,) and number < AGAIN * len(BLOWS):
                assert begin(name, line, folder).wait() == 0, f"what is left is in nobody's way: {after}"
                assert not leftovers(folder), after
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
