"""Helper processes: in order, ended with their parent, safe beside threads and in programs of others."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from comedian.errors import InputError
from comedian.video.workers import CONTEXT, results_of

ROOT = Path(__file__).parents[2]
PROGRAM = """
import threading
from comedian.video.workers import results_of

print("once")
threading.Thread(target=threading.Event().wait, daemon=True).start()
print(list(results_of(pow, [(2, 3), (3, 2)], 2)))
"""

ON_SIGNAL = """
import signal, sys, time
from comedian.video.workers import results_of

signal.signal(signal.SIGNAL, lambda *_: sys.exit(3))
print("ready", flush=True)
list(results_of(time.sleep, [(0.5,)] * 40, 2))
"""


def slowly_first(number: int) -> tuple[int, int]:
    if number == 0:
        time.sleep(0.5)
    return number, os.getpid()


def wait_in(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(60)


def end(status: int) -> None:
    os._exit(status)


def start_in(place: Path) -> None:
    place.touch()


def test_results_come_in_order_from_several_processes(tmp_path):
    looks = []
    setup = partial(start_in, tmp_path / "setup")
    found = list(
        results_of(slowly_first, [(number,) for number in range(7)], 2, partial(looks.append, 1), setup)
    )
    assert [number for number, _ in found] == list(range(7))
    assert len({process for _, process in found}) == 2
    assert os.getpid() not in {process for _, process in found}
    assert len(looks) >= 7
    assert (tmp_path / "setup").exists()
    assert multiprocessing.active_children() == []


def test_an_error_is_raised_with_its_place():
    results = results_of(divmod, [(7, 2), (1, 0), (9, 3)], 1)
    assert next(results) == (3, 1)
    with pytest.raises(ZeroDivisionError) as error:
        next(results)
    assert "in _serve" in error.value.__notes__[0]
    assert multiprocessing.active_children() == []


def test_a_worker_that_is_killed_is_told():
    with pytest.raises(
        InputError, match="a worker was killed, perhaps for want of memory; lower --workers"
    ):
        list(results_of(end, [(1,)] * 3, 2))
    assert multiprocessing.active_children() == []


def test_closing_stops_what_was_begun(tmp_path):
    results = results_of(wait_in, [(tmp_path,)] * 3, 2, poll=partial(stop_when, tmp_path))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert time.monotonic() - began < 30
    assert multiprocessing.active_children() == []


def stop_when(folder: Path) -> None:
    if len(list(folder.iterdir())) == 2:
        raise KeyboardInterrupt


def test_no_work_needs_no_process():
    assert list(results_of(pow, [], 2)) == []


def test_a_program_without_a_main_guard_runs_once_beside_its_threads(tmp_path):
    """Started processes would import, and so run, it again; that of `bin/` too."""
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    words = [sys.executable, tmp_path / "program.py"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("once\n[8, 9]\n", "")


def test_helpers_are_started_in_one_way_alone():
    """And a killed parent leaves no semaphore of the system's, of which Python would tell on stderr."""
    assert CONTEXT.get_start_method() == "spawn"
    others = ("get_context", "ProcessPoolExecutor", "multiprocessing.Pool", "os.fork", "set_start_method")
    for path in [*(ROOT / "comedian").rglob("*.py"), *(ROOT / "cli").glob("*.py")]:
        text = path.read_text()
        assert path.name == "workers.py" or not [word for word in others if word in text], path


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_while_helpers_begin_say_nothing(tmp_path, signum):
    """A terminal sends them to all of its processes, whose Python may just be starting."""
    code = ON_SIGNAL.replace("SIGNAL", signum.name)
    for seconds in (0.02, 0.1, 0.2, 0.6):
        program = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        assert program.stdout.readline() == "ready\n"
        time.sleep(seconds)
        os.killpg(program.pid, signum)
        _, err = program.communicate(timeout=60)
        assert (program.returncode, err) == (3, ""), seconds
        deadline = time.monotonic() + 30
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(program.pid, 0)
                time.sleep(0.02)
            raise AssertionError("a process lives on")


def test_a_parent_that_is_killed_takes_its_helpers_along(tmp_path):
    code = ON_SIGNAL.replace("SIGNAL", "SIGINT").replace("0.5", "60")
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    program = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True, **pipes)
    time.sleep(1.5)
    program.kill()
    assert program.communicate(timeout=30)[1] == "", "helpers, which hold it too, have closed it"


def test_threads_may_begin_helpers_at_once():
    found, main = [], sys.modules["__main__"]
    call = partial(results_of, pow, [(2, 5)] * 2, 2)
    threads = [threading.Thread(target=lambda: found.extend(call())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [32] * 6
    assert sys.modules["__main__"] is main, "which is hidden while a helper begins"
