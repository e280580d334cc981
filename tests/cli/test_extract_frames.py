import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cli.extract_frames import main
from comedian.errors import InputError
from comedian.formats.frames import FramesFile
from comedian.formats.games import Game, Half
from comedian.formats.provenance import sha256
from comedian.recipes.frames import FramesRecipe
from comedian.video import extract
from comedian.video.extract import extract_all, plan
from comedian.video.sample import sample_frames
from tests.make_video import encode, number_in, steady
from tests.workers import done_here

ROOT = Path(__file__).parents[2]
MATCHES = ROOT / "tests" / "data" / "matches"
COMMAND = [sys.executable, str(ROOT / "bin" / "extract-frames")]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, count in (("A 1 - 0 B/1_224p.mkv", 100), ("A 1 - 0 B/2_224p.mkv", 50), ("c.mp4", 75)):
        (folder / name).parent.mkdir(exist_ok=True)
        encode(folder / name, steady(count))
    data = (folder / "c.mp4").read_bytes()
    (folder / "broken.mp4").write_bytes(data[:2000])
    encode(folder / "hole.mkv", steady(5) + steady(5, start=14), sound_seconds=1)
    return folder


def run(capfd, *words) -> tuple[int, list[str], list[str]]:
    """Status, lines of standard output and of standard error."""
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    out, err = capfd.readouterr()
    return end.value.code or 0, out.splitlines(), err.splitlines()


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_games_and_files_become_frames_files(videos, tmp_path, capfd):
    status, out, err = run(capfd, videos / "A 1 - 0 B", videos / "c.mp4", "-o", tmp_path, "--size", "96x64")
    assert (status, err) == (0, [])
    names = ["A 1 - 0 B/1_224p.h5", "A 1 - 0 B/2_224p.h5", "c.h5"]
    assert out == [str(tmp_path / name) for name in names], "in the order they were given"
    assert files_in(tmp_path) == set(names)
    first, second, single = (FramesFile(path) for path in out)
    assert [len(file) for file in (first, second, single)] == [8, 4, 6]
    assert (first.half, second.half, single.half) == (1, 2, 1)
    assert [number_in(rgb) for rgb in first.read(range(8))] == [0, 12, 25, 37, 50, 62, 75, 87]
    assert first.seconds == pytest.approx(np.array([0, 12, 25, 37, 50, 62, 75, 87]) / 25)
    assert second.video == str(videos / "A 1 - 0 B/2_224p.mkv")
    made = json.loads(single.provenance)
    assert made["parents"] == [{"name": "c.mp4", "sha256": sha256(videos / "c.mp4")}]
    assert made["recipe"]["size"] == [96, 64]


def test_options_reach_the_frames(videos, tmp_path, capfd):
    words = "--fps", 3.5, "--size", "50x40", "--sampling", "ffmpeg", "--format", "raw", "--workers", 1
    status, out, _ = run(capfd, videos / "c.mp4", "-o", tmp_path, *words)
    assert status == 0
    file = FramesFile(out[0])
    assert (file.fps, file.width, file.height, file.sampling, file.encoding) == (
        3.5,
        50,
        40,
        "ffmpeg",
        "raw",
    )
    frames = list(sample_frames(videos / "c.mp4", 3.5, (50, 40), "ffmpeg"))
    assert np.array_equal(file.read(range(len(file))), np.stack([rgb for _, rgb in frames]))
    assert file.seconds.tolist() == [seconds for seconds, _ in frames]


def test_what_is_done_and_whole_is_kept(videos, tmp_path, capfd):
    words = videos / "A 1 - 0 B", "-o", tmp_path
    _, out, _ = run(capfd, *words)
    first, second = map(Path, out)
    first.write_bytes(first.read_bytes()[:-1000])
    stamp = second.stat().st_mtime_ns
    status, again, err = run(capfd, *words)
    assert (status, again) == (0, out)
    assert err == ["extract-frames: 1 of 2 files were there already, whole (--force makes them anew)"]
    assert len(FramesFile(first)) == 8
    assert second.stat().st_mtime_ns == stamp
    assert run(capfd, *words, "--quiet") == (0, out, [])
    run(capfd, *words, "--force")
    assert second.stat().st_mtime_ns != stamp
    run(capfd, *words, "--fps", 4)
    assert len(FramesFile(first)) == 16, "made otherwise, so made anew"


def test_lists_and_sizes(videos, tmp_path, capfd):
    status, out, _ = run(capfd, MATCHES / "test.txt", "-o", tmp_path, "--size", "32x18", "--fps", 0.5)
    assert status == 0
    assert [Path(path).relative_to(tmp_path).parts[:2] for path in out] == [("gfootball", "2026")] * 2
    assert [len(FramesFile(path)) for path in out] == [150, 150]


def test_prefer_picks_a_size(videos, tmp_path, capfd):
    game = tmp_path / "game"
    game.mkdir()
    for name in ("1_224p.mp4", "1_720p.mp4"):
        (game / name).symlink_to(videos / "c.mp4")
    status, _, err = run(capfd, game, "-o", tmp_path / "out")
    assert status == 1
    assert "--prefer 224p" in err[0]
    status, out, _ = run(capfd, game, "-o", tmp_path / "out", "--prefer", "224p")
    assert (status, out) == (0, [str(tmp_path / "out/game/1_224p.h5")])


def test_one_bad_video_does_not_stop_the_others(videos, tmp_path, capfd):
    words = videos / "broken.mp4", videos / "hole.mkv", videos / "c.mp4", "-o", tmp_path
    status, out, err = run(capfd, *words)
    assert status == 1
    assert files_in(tmp_path) == {"hole.h5", "c.h5"}
    assert out == [str(tmp_path / "hole.h5"), str(tmp_path / "c.h5")]
    assert len(err) == 2
    assert err[0].startswith(f"extract-frames: {videos}/broken.mp4: is ")
    assert err[1] == f"extract-frames: {videos}/hole.mkv: damaged: no picture for 14 s from 0:00"
    _, _, again = run(capfd, *words, "--quiet")
    assert again == err, "damage is told of kept files, too"


def test_wrong_command_lines(videos, tmp_path, capfd):
    video = videos / "c.mp4"
    for words, status in (
        ([video], 2),
        (["-o", tmp_path], 2),
        ([video, "-o", tmp_path, "--size", "398"], 2),
        ([video, "-o", tmp_path, "--size", "0x10"], 2),
        ([video, "-o", tmp_path, "--format", "png"], 2),
        ([video, "-o", tmp_path, "--quality", 101], 2),
        ([video, "-o", tmp_path, "--fps", 0], 1),
        (["-", "-o", tmp_path], 1),
        ([video, "-o", "-"], 1),
        ([video, "-o", video], 1),
    ):
        assert run(capfd, *words)[0] == status, words
    assert files_in(tmp_path) == set()


def test_an_ignored_option_is_a_warning(videos, tmp_path, capfd):
    words = videos / "c.mp4", "-o", tmp_path, "--format", "raw", "--quality", 80
    assert run(capfd, *words)[2] == ["extract-frames: --quality has no effect with --format raw"]


@pytest.mark.parametrize("whole_group", [True, False], ids=["Ctrl-C", "kill -INT"])
def test_an_interrupt_leaves_nothing_half_done(tmp_path, whole_group):
    command = [*COMMAND, str(MATCHES / "train.txt"), "-o", str(tmp_path), "--fps", "400", "--workers", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not any(open_spools(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    begun = time.monotonic()
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert time.monotonic() - begun < 5
    assert err == "extract-frames: interrupted\n"
    assert out == ""
    assert files_in(tmp_path) == set()
    assert not list(children_of(process.pid))


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def open_spools(pid: int):
    """Whether each worker has begun to write: it holds a file that has no name any more."""
    for child in children_of(pid):
        try:
            links = [os.readlink(link) for link in Path(f"/proc/{child}/fd").iterdir()]
        except OSError:
            continue
        yield any("(deleted)" in link and "tmp" in link for link in links)


def test_a_closed_pipe_ends_quietly(videos, tmp_path):
    words = [str(videos / "A 1 - 0 B"), str(videos / "c.mp4"), "-o", str(tmp_path), "--workers", "1"]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(30), err) == (0, b"")
    assert not [name for name in files_in(tmp_path) if name.endswith(".part")]


def test_two_videos_never_share_a_file(tmp_path):
    def game(name, path):
        return Game(name, (Half(Path(path), 1),))

    with pytest.raises(InputError, match=r"same frames file as x/1_224p\.mkv"):
        plan([game("A - B", "x/1_224p.mkv"), game("A - B", "y/1_224p.mkv")], tmp_path)
    twice = [game("A - B", "x/1_224p.mkv")] * 2
    assert [job.target for job in plan(twice, tmp_path)] == [tmp_path / "A - B/1_224p.h5"]


def test_no_name_leads_out_of_the_folder(tmp_path):
    for name in ("../../etc/game", "/etc/game"):
        (job,) = plan([Game(name, (Half(Path("1_224p.mkv"), 1),))], tmp_path)
        assert job.target == tmp_path / "etc/game/1_224p.h5"


def test_shares_grow_to_the_end(videos, tmp_path):
    jobs = plan(
        [Game("g", (Half(MATCHES / "gfootball/2026/000101 FRQ 4 - 0 RBA/1_224p.mkv", 1),))], tmp_path
    )
    shares = []
    outcomes = list(extract_all(jobs, FramesRecipe(fps=50, size=(32, 18)), report=shares.append))
    assert [outcome.error for outcome in outcomes] == [""]
    assert shares == sorted(shares)
    assert len(set(shares)) > 2
    assert 0 <= shares[0] < shares[-1] <= 1


def test_names_of_any_bytes(videos, tmp_path):
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)
    os.symlink(os.fsencode(videos / "c.mp4"), folder + b"/1_\xff\xe9.mp4")
    words = [*COMMAND, tmp_path / "in", "-o", tmp_path / "out", "--size", "64x36"]
    done = subprocess.run(list(map(str, words)), capture_output=True, check=True)
    assert done.stdout.endswith(b"/1_\\xff\\xe9.h5\n")
    (path,) = (tmp_path / "out").rglob("*.h5")
    assert FramesFile(path).video.endswith("/1_\\xff\\xe9.mp4")


def test_whatever_goes_wrong_with_one_video_the_others_go_on(videos, tmp_path, capfd, monkeypatch):
    real = extract.probe

    def probe(path):
        if path.name == "hole.mkv":
            raise ZeroDivisionError("a bug\nof ours")
        return real(path)

    monkeypatch.delenv("COMEDIAN_TRACEBACK", raising=False)
    monkeypatch.setattr(extract, "probe", probe)
    monkeypatch.setattr(extract, "results_of", done_here)
    status, out, err = run(capfd, videos / "hole.mkv", videos / "c.mp4", "-o", tmp_path)
    assert (status, out) == (1, [str(tmp_path / "c.h5")])
    assert err == [
        f"extract-frames: {videos}/hole.mkv: ZeroDivisionError: a bug of ours; "
        "COMEDIAN_TRACEBACK=1 shows where; please report it"
    ]


def test_what_a_folder_holds_beside_is_said(videos, tmp_path, capfd):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "c.mp4").symlink_to(videos / "c.mp4")
    (folder / "odd.xyz").symlink_to(videos / "c.mp4")
    _, _, err = run(capfd, folder, "-o", tmp_path / "out")
    assert err == [f"extract-frames: {folder}: left out odd.xyz; to take a video of another kind, name it"]
    assert run(capfd, folder / "odd.xyz", "-o", tmp_path / "out")[0] == 0
