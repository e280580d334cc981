"""Several processes must give what one gives, frame by frame and word by word."""

import contextlib
import math
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.frames import FramesFile
from comedian.formats.games import VIDEO_SUFFIXES, find_games
from comedian.recipes.frames import FramesRecipe
from comedian.video import extract, parallel
from comedian.video.extract import extract_all, plan
from comedian.video.parallel import sample_apart
from comedian.video.sample import sample_frames, sample_stretch
from tests.make_video import encode
from tests.video.test_sample import OPEN_GOP, SIZE, VIDEOS, steady
from tests.workers import done_here

SPLIT = ["h264.mp4", "h264.mkv", "open-gop.mkv", "open-gop.mp4", "hevc.mp4", "hevc.mkv", "variable.mkv"]
WHOLE = ["h264-at-7s.ts", "mpeg4.avi"]
MORE = {"open-gop.mp4": {"options": OPEN_GOP}}
COMMAND = str(Path(__file__).parents[2] / "bin" / "extract-frames")
MATCH = Path(__file__).parents[1] / "data/matches/gfootball/2026/000101 FRQ 4 - 0 RBA/1_224p.mkv"


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stretches")
    how = {name: {"times": steady(150), **(VIDEOS | MORE)[name]} for name in SPLIT + WHOLE}
    return {name: encode(folder / name, **how[name]) for name in how}


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(parallel, "SHORTEST_SECONDS", 1.2)
    monkeypatch.setattr(parallel, "HELPER_SECONDS", 1.2)
    monkeypatch.setattr(parallel, "LARGEST_BYTES", 9 * 3 * math.prod(SIZE))


def heard(sample, path: Path, **options) -> tuple[list[float], np.ndarray, list[str]]:
    said: list[str] = []
    frames = list(sample(path, size=SIZE, on_damage=said.append, **options))
    return [seconds for seconds, _ in frames], np.array([rgb for _, rgb in frames]), said


def assert_same(path: Path, processes: int = 2, **options) -> list[str]:
    """What both say about damage, if they agree on everything."""
    apart = heard(sample_apart, path, processes=processes, **options)
    whole = heard(sample_frames, path, **options)
    assert (apart[0], apart[2]) == (whole[0], whole[2])
    assert np.array_equal(apart[1], whole[1])
    return apart[2]


@pytest.mark.parametrize("sampling", ["screen", "ffmpeg"])
@pytest.mark.parametrize("name", SPLIT + WHOLE)
def test_several_processes_give_what_one_gives(videos, name, sampling):
    assert assert_same(videos[name], sampling=sampling, fps=7) == []
    assert assert_same(videos[name], sampling=sampling, processes=3) == []


@pytest.mark.parametrize("name", SPLIT + WHOLE)
def test_containers_that_can_be_entered_are_split(videos, name):
    parts = parallel._stretches(videos[name], 2, SIZE, "screen", processes=4)
    assert len(parts) == (4 if name in SPLIT else 0)
    for slots in parts:
        assert sample_stretch(videos[name], slots, Fraction(2), SIZE, "screen")


def test_stretches_are_neither_short_nor_large_and_begin_with_keyframes(videos, monkeypatch):
    path = videos["h264.mkv"]  # 6 s, keyframes at 0, 0.64, 1.28 ... 3.84, 4.48 and 5.48
    assert parallel._stretches(path, 2, SIZE, "screen", processes=2) == [(0, 6), (6, math.inf)]
    assert parallel._stretches(path, 2, SIZE, "screen", processes=16)[:2] == [(0, 3), (3, 6)]
    assert parallel._stretches(path, 7, SIZE, "screen", processes=2)[:2] == [(0, 9), (9, 18)]
    assert parallel._stretches(path, 8, SIZE, "screen", processes=2) == []
    assert parallel._stretches(path, 3, SIZE, "screen", processes=16)[-2:] == [(12, 14), (14, math.inf)]
    monkeypatch.setattr(parallel, "HELPER_SECONDS", 3.1)
    assert parallel._stretches(path, 3, SIZE, "screen", processes=16) == [], "one process is done by then"


def test_damage_is_told_once_and_holds_no_other_frames(videos, tmp_path):
    cut, bad = tmp_path / "cut.mkv", tmp_path / "bad.mkv"
    cut.write_bytes(videos["h264.mkv"].read_bytes()[:-4000])
    hole = encode(tmp_path / "hole.mkv", steady(50) + steady(50, start=14), sound_seconds=2)
    data, draw = bytearray(MATCH.read_bytes()), random.Random(0)
    for _ in range(5):
        data[draw.randrange(len(data) // 2, len(data))] ^= 0xFF
    bad.write_bytes(data)
    assert [len(assert_same(path)) for path in (cut, hole, bad)] == [1, 1, 1]


def only(processes: int, *video):
    if video[-1] != processes:
        raise InputError(f"{video[-1]} processes, not {processes}")
    return sample_apart(*video)


def test_no_process_is_left_behind(videos):
    frames = sample_apart(videos["h264.mkv"], size=SIZE, processes=2)
    next(frames)
    assert len(multiprocessing.active_children()) == 2
    frames.close()
    assert multiprocessing.active_children() == []


def test_a_killed_process_is_told(videos):
    frames = sample_apart(videos["h264.mkv"], size=SIZE, processes=2)
    next(frames)
    for helper in multiprocessing.active_children():
        helper.kill()
        helper.join()
    with pytest.raises(InputError, match="was killed"):
        list(frames)


def test_spare_workers_share_a_video(videos, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name in ("h264.mkv", "hevc.mp4"):
        shutil.copy(videos[name], tmp_path / "in" / name)
    files = []
    monkeypatch.setattr(extract, "results_of", done_here)
    for workers, each in ((1, 1), (4, 2)):
        monkeypatch.setattr(extract, "sample_apart", lambda *video, period, each=each: only(each, *video))
        jobs = plan(find_games([tmp_path / "in"], VIDEO_SUFFIXES), tmp_path / str(workers))
        outcomes = list(extract_all(jobs, FramesRecipe(size=SIZE), workers))
        assert not any(outcome.error or outcome.damage for outcome in outcomes)
        files.append([FramesFile(job.target) for job in jobs])
    for one, other in zip(*files, strict=True):
        assert np.array_equal(one.seconds, other.seconds)
        assert np.array_equal(one.read(range(len(one))), other.read(range(len(other))))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_the_end_of_a_command_ends_its_helpers(tmp_path, signum):
    videos = [MATCH, shutil.copy(MATCH, tmp_path / "2_224p.mkv")]
    words = [*videos, "-o", tmp_path, "--size", "64x36", "--fps", "400", "--workers", "4"]
    command = [sys.executable, COMMAND, *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    wait_until(lambda: len(group_of(process.pid)) == 8)  # and Python's tracker, two workers, their helpers
    worker = group_of(process.pid)[2] if signum == signal.SIGKILL else process.pid
    os.kill(worker, signum)
    process.communicate(timeout=30)
    wait_until(lambda: not group_of(process.pid))
    assert list(tmp_path.rglob("*.h5")) == []


def group_of(leader: int) -> list[int]:
    """The processes of a session, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            found += [int(path.parent.name)] * (
                int(path.read_text().rpartition(")")[2].split()[2]) == leader
            )
    return sorted(found)


def wait_until(done, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
