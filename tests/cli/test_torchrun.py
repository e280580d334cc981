"""Commands in two processes, as torchrun starts them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cli.spot import main as spot
from comedian.formats.scores import ScoresFile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def torchrun():
    """torchrun(command, *words) -> a started job of two processes; what a test leaves of it is ended."""
    jobs = []

    def start(command: str, *words) -> subprocess.Popen:
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        line = [*launch, "--no-python", sys.executable, ROOT / "bin" / command, *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        jobs.append(subprocess.Popen(list(map(str, line)), **pipes))
        return jobs[-1]

    yield start
    for job in jobs:
        job.terminate()  # torchrun ends its processes first
        job.communicate(timeout=60)


def workers(job: subprocess.Popen) -> dict[int, int]:
    """Rank -> process id of a job."""
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    ranks = {}
    for child in children:
        environment = Path(f"/proc/{child}/environ").read_text().split("\0")
        ranks |= {
            int(line.removeprefix("RANK=")): int(child) for line in environment if line[:5] == "RANK="
        }
    return ranks


def said(err: str, command: str) -> list[str]:
    """What our command said, beside torchrun's own lines; it has shown no traceback."""
    assert f'File "{ROOT}/c' not in err, err
    return [line for line in err.splitlines() if line.startswith(f"{command}: ")]


def test_two_processes_spot_what_one_does(run, tiny, tmp_path, torchrun):
    """To the byte, and what is to be said is said once, also of a half that the other process had."""
    videos, words = tmp_path / "videos", ["-m", tiny.spotter, "--threshold", 0]
    shutil.copytree(tiny.videos, videos)
    damaged = sorted(videos.rglob("*.mkv"))[1]
    damaged.write_bytes(damaged.read_bytes()[:15_000])
    one, two = tmp_path / "one", tmp_path / "two"
    expected = run(spot, videos, *words, "-o", one / "spots", "--scores", one / "scores.h5")
    job = torchrun("spot", videos, *words, "-o", two / "spots", "--scores", two / "scores.h5")
    out, err = job.communicate(timeout=120)
    assert (job.returncode, out) == expected[:2] == (0, "")
    *remarks, last = said(err, "spot")
    *alone, last_alone = expected[2].splitlines()
    assert remarks == alone
    assert last.partition(" of video")[0] == last_alone.partition(" of video")[0]
    assert said(err, "spot")[0].startswith(f"spot: {damaged}: damaged: ")
    assert (two / "spots").read_bytes() == (one / "spots").read_bytes()
    found, alone = (list(ScoresFile(folder / "scores.h5")) for folder in (two, one))
    assert [(half.video, half.half) for half in found] == [(half.video, half.half) for half in alone]
    for half, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(half.probabilities, other.probabilities)
        np.testing.assert_array_equal(half.seconds, other.seconds)


def test_an_error_of_one_process_ends_all_with_its_line(run, tiny, tmp_path, torchrun):
    frames = tmp_path / "frames"
    shutil.copytree(tiny.frames, frames)
    damaged = sorted(frames.rglob("*.h5"))[1]
    content = damaged.read_bytes()
    middle = len(content) // 4
    damaged.write_bytes(content[:middle] + bytes(9000) + content[middle + 9000 :])
    words = [frames, "-m", tiny.spotter]
    alone = run(spot, *words)
    job = torchrun("spot", *words, "-o", tmp_path / "spots.jsonl")
    _, err = job.communicate(timeout=120)
    assert (job.returncode, said(err, "spot")) == (1, alone[2].splitlines())
    assert [line for line in said(err, "spot") if f"{damaged}: frame" in line]
    assert not list(tmp_path.glob("*spots.jsonl*"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
@pytest.mark.parametrize(
    ("stage", "lose", "reasons"),
    [
        ("distill", "another", ("another process was lost", "ended by torchrun, which says why")),
        ("pretrain-spatial", "torchrun", ("interrupted", "ended by torchrun, which says why")),
    ],
)
def test_a_job_that_loses_a_process_ends_and_says_so(words, tmp_path, torchrun, stage, lose, reasons):
    output = tmp_path / "weights"
    job = torchrun(stage, *words(stage, output), "--epochs", 100_000)
    while not output.with_name("weights.resume").exists():
        assert job.poll() is None, job.communicate()
        time.sleep(0.05)
    if lose == "another":
        os.kill(workers(job)[1], signal.SIGKILL)
    else:
        job.send_signal(signal.SIGINT)
    _, err = job.communicate(timeout=60)
    assert job.returncode != 0
    (line,) = said(err, stage)
    assert line in [f"{stage}: {reason}; --resume goes on" for reason in reasons]
    assert not output.exists()
