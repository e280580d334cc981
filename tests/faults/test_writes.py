"""Writes that fail midway, of every command that writes: a file that may not grow, a disk that is full.

The command ends with one line that says so, what stood at the output is there whole, and nothing else is
left. COMEDIAN_FAULTS is the number of failures of each kind of each command.
"""

import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults._commands import NAMES
from tests.faults._runs import PATIENCE, all_end, begin, check, leftovers

ROUNDS = int(os.environ.get("COMEDIAN_FAULTS", 1))
BLOCK = 1024  # bytes that `ulimit -f` counts in
PAGE = 4096  # bytes that a tmpfs gives
MINUTES = 20 * PATIENCE  # a command's own time is in it
WAYS = 3  # of failing; the short form tries one of them on each command


def commands(way: int):
    """The commands that a way of failing is tried on."""
    names = [name for number, name in enumerate(NAMES) if ROUNDS > 1 or number % WAYS == way]
    return pytest.mark.parametrize("name", names)


def fails(name, line, folder, before, words) -> None:
    """Run a command whose writing must fail."""
    process = begin(name, line, folder, words)
    _, err = process.communicate(timeout=MINUTES)
    after = f"{name}, {' '.join(map(str, words))}: {process.returncode} {err.decode()}"
    assert process.returncode == 1, after
    assert re.fullmatch(rf"({name.split()[0]}: .*cannot be written: .*\n)+", err.decode()), after
    assert all_end(process.pid), after
    check(line, folder, before.folder, after)
    assert not leftovers(folder), after


def draw(name: str, way: str) -> random.Random:
    return random.Random(f"{name} {way} {os.environ.get('COMEDIAN_FAULTS_SEED', 0)}")


def sizes(before) -> list[int]:
    return [path.stat().st_size for path in before.folder.rglob("*") if path.is_file()]


@commands(0)
def test_a_file_that_may_not_grow(name, lines, whole, tmp_path, fault):
    before, chance = whole(name), draw(name, "limit")
    for number in range(ROUNDS):
        folder = tmp_path / f"{number}"
        shutil.copytree(before.folder, folder)
        blocks = chance.randrange(max(sizes(before)) // BLOCK)
        words = ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash"]
        with fault():
            fails(name, lines[name], folder, before, words)
        shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(bytes): an empty file system of that size; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(num_bytes: int) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "none", folder]
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("no right to mount a small file system")
        return folder

    yield mount
    unmount(folder)


def unmount(folder: Path) -> None:
    """Take file systems away again; threads of a process that has just ended may still hold one."""
    deadline = time.monotonic() + PATIENCE
    while os.path.ismount(folder):
        busy = subprocess.run(["umount", folder], capture_output=True).returncode
        assert not busy or time.monotonic() < deadline, f"{folder} is still in use"
        time.sleep(0.05 * bool(busy))


@commands(1)
def test_a_disk_that_is_full(name, lines, whole, small_disk, fault):
    before, chance = whole(name), draw(name, "disk")
    pages = [-(-size // PAGE) for size in sizes(before)]
    for _ in range(ROUNDS):
        folder = small_disk((sum(pages) + chance.randrange(max(pages))) * PAGE)
        shutil.copytree(before.folder, folder, dirs_exist_ok=True)
        with fault():
            fails(name, lines[name], folder, before, [])
        unmount(folder)


@commands(2)
def test_shared_memory_that_is_full(name, lines, whole, tmp_path, fault):
    """The command does without, or says in one line that it cannot."""
    fill = f'mount -t tmpfs -o size={PAGE} none /dev/shm && echo > /dev/shm/full && exec "$@"'
    words = ["unshare", "-m", "bash", "-c", fill, "bash"]
    if subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    before, folder = whole(name), tmp_path / "out"
    shutil.copytree(before.folder, folder)
    process = begin(name, lines[name], folder, words)
    _, err = process.communicate(timeout=MINUTES)
    after = f"{name}: {process.returncode} {err.decode()}"
    number = 1 if process.returncode else 0
    with fault():
        assert re.fullmatch(rf"({name.split()[0]}: .*\n){{{number}}}", err.decode()), after
        assert all_end(process.pid), after
        check(lines[name], folder, before.folder, after)
        assert not leftovers(folder), after
