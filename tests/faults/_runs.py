"""One run of a command line: begun, watched to its end, and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults._commands import Line

BIN = Path(__file__).parents[2] / "bin"
PATIENCE = 30.0  # seconds that the end may take, beside other work


@dataclass(frozen=True)
class Whole:
    """What an undisturbed run of a line leaves, and how long it takes."""

    folder: Path
    seconds: float


def begin(name: str, line: Line, folder: Path, before: Sequence[str] = ()) -> subprocess.Popen:
    """The command in a session of its own, writing into `folder`; `before` are words before its own."""
    words = [*before, sys.executable, BIN / name.split()[0], *line.words, "-o", folder / line.output]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [*map(str, words)], env=environment, start_new_session=True, preexec_fn=_heed_signals, **pipes
    )


def _heed_signals() -> None:
    """In the background, and behind nohup, shells have signals ignored, and so would the command."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


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
    """Wait until no process of a session lives; kill them and fail after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while left := members(session):
        if time.monotonic() > deadline:
            os.killpg(session, signal.SIGKILL)
            raise AssertionError(f"{left} live on")
        time.sleep(0.01)
    return True


def leftovers(folder: Path) -> list[Path]:
    """Hidden parts of outputs."""
    return [path for path in folder.rglob(".*") if path.name.endswith(".part")]


def check(line: Line, folder: Path, whole: Path, after: str) -> None:
    """Every file is one that a whole run leaves, or of one that is to go on; each is whole."""
    known = {path.relative_to(whole) for path in whole.rglob("*")}
    known |= {Path(f"{line.output}.resume"), Path(line.output.replace(".", ".so-far."))}
    found = {path.relative_to(folder) for path in folder.rglob("*") if ".part" not in str(path)}
    assert found <= known, after
    try:
        read = line.read(folder / line.output)
    except Exception as error:
        raise AssertionError(after) from error
    if isinstance(read, bytes | list):
        assert read == line.read(whole / line.output), after
