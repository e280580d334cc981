"""Commands on two hosts, as torchrun starts them, and a host that vanishes."""

import re
import shutil
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from comedian.formats.frames import FramesFile
from tests.hosts import SILENCE_SECONDS, can_be_made, two_hosts

MATCH = Path(__file__).parents[1] / "data/matches/gfootball/2026/000101 FRQ 4 - 0 RBA/1_224p.mkv"
BUSY = 60.0  # seconds that other work on this machine may take away
LOSS = re.compile(r"(another process|process [01], on 10\.213\.77\.[12],) was lost; .* goes on")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_made(), reason="no right to make network namespaces, or no iproute2"),
]


@pytest.fixture
def hosts():
    with two_hosts() as both:
        yield both


@pytest.fixture
def videos(tiny, tmp_path) -> Path:
    """Games of one half, the first two short: while the others are worked on, those two are done."""
    folder = tmp_path / "videos"
    for number, video in enumerate([tiny.video, tiny.video, MATCH, MATCH]):
        game = folder / "league" / "2026" / f"game {number}"
        game.mkdir(parents=True)
        shutil.copy(video, game / "1_224p.mkv")
    return folder


@pytest.fixture
def lines(tiny, words, videos) -> dict[str, Callable[[Path], list]]:
    """Command -> its line, by the folder of its output."""
    return {
        "extract-frames": lambda folder: [videos, "--size", "64x36", "--fps", "10", "-o", folder],
        "spot": lambda folder: [videos, "-m", tiny.spotter, "--threshold", 0, "-o", f"{folder}/"],
        "finetune": lambda folder: [*words("finetune", folder / "own.safetensors"), "--epochs", 30],
    }


@pytest.fixture
def on_one(run, lines, tmp_path):
    """on_one(command) -> (the folder of what one process makes of it, what it prints)."""

    def call(command: str, folder: Path, *more) -> tuple[Path, str]:
        main = import_module(f"cli.{command.replace('-', '_')}").main
        status, out, err = run(main, *lines[command](folder), *more)
        assert status == 0, err
        return folder, out

    return call


def assert_alike(folder: Path, other: Path) -> None:
    """Two folders hold the same files, of the same content, and nothing that is half done."""
    from safetensors.torch import load_file
    from torch.testing import assert_close

    names = {path.relative_to(folder) for path in folder.rglob("*")}
    assert names == {path.relative_to(other) for path in other.rglob("*")} != set()
    for name in names:
        ours, theirs = folder / name, other / name
        if name.suffix == ".jsonl":
            assert ours.read_bytes() == theirs.read_bytes()
        elif name.suffix == ".h5":
            one, two = FramesFile(ours), FramesFile(theirs)
            np.testing.assert_array_equal(one.seconds, two.seconds)
            np.testing.assert_array_equal(
                one.read(range(0, len(one), 20)), two.read(range(0, len(two), 20))
            )
        elif name.suffix == ".safetensors":
            assert_close(load_file(ours), load_file(theirs), atol=1e-5, rtol=0)


def test_two_hosts_do_what_one_does(hosts, lines, on_one, tmp_path):
    jobs = {name: hosts.start(name, *lines[name](tmp_path / name), folder=tmp_path) for name in lines}
    for name, both in jobs.items():
        folder, printed = on_one(name, tmp_path / f"{name} of one")
        (out, err), (other_out, other_err) = (job.communicate(timeout=120 + BUSY) for job in both)
        assert [job.returncode for job in both] == [0, 0], err + other_err
        assert other_out == "", "the first process speaks"
        if name == "extract-frames":
            assert out == printed.replace(str(folder), str(tmp_path / name))
        assert_alike(tmp_path / name, folder)


@pytest.mark.parametrize(
    ("command", "way", "done"),
    [
        ("extract-frames", "unplug", "league/2026/game 0/1_224p.h5"),
        ("spot", "kill", "league/2026/game 0.jsonl"),
        ("finetune", "unplug", "own.safetensors.resume"),
    ],
)
def test_a_host_that_vanishes(hosts, lines, on_one, tmp_path, command, way, done):
    """The others end within a bound, in one line; what was done is kept, and the same line goes on."""
    folder = tmp_path / "two"
    jobs = hosts.start(command, *lines[command](folder), folder=tmp_path)
    while not (folder / done).exists():
        assert [job.poll() for job in jobs] == [None, None], jobs[0].communicate()
        time.sleep(0.02)
    getattr(hosts, way)(1)
    struck = time.monotonic()
    left = jobs if way == "unplug" else jobs[:1]  # either side of a cut cable has lost the other
    for job in left:
        _, err = job.communicate(timeout=120)
        assert job.returncode == 1, err
        (line,) = (line for line in err.splitlines() if line.startswith(f"{command}: "))
        assert LOSS.fullmatch(line.removeprefix(f"{command}: ")), err
        assert "bin/comedian" not in err, "a traceback"
    assert time.monotonic() - struck < SILENCE_SECONDS + 30
    assert not list(folder.rglob(".*")), "half-written files"
    kept = (folder / done).stat().st_mtime_ns
    on_one(command, folder, *["--resume"] * (command == "finetune"))
    assert command == "finetune" or (folder / done).stat().st_mtime_ns == kept
    assert_alike(folder, on_one(command, tmp_path / "one")[0])
