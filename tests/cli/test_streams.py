"""Streams that are missing, full or broken, and whose pipe it is that ends a command quietly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(__file__).parents[2] / "bin"
SPOT = {"video": "g/1_x.mkv", "half": 1, "position_ms": 0, "label": "Goal", "confidence": 0.5}
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    """A spot with labels beside it, in the working folder; the spot's video is half of what was played."""
    monkeypatch.chdir(tmp_path)
    Path("g").mkdir()
    label = {"gameTime": "1 - 00:01", "position": "1000", "label": "Goal"}
    Path("g/Labels-v2.json").write_text(json.dumps({"annotations": [label]}))
    Path("spots.jsonl").write_text(json.dumps(SPOT) + "\n")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a line of bash in which our commands are known."""
    commands = "".join(f'{path.name}() {{ "{sys.executable}" "{path}" "$@"; }}\n' for path in BIN.iterdir())
    return subprocess.run(
        ["bash", "-c", commands + line], capture_output=True, env=os.environ | environment
    )


@pytest.mark.parametrize("command", ["nms", "evaluate"])
@pytest.mark.parametrize(
    ("stream", "why"),
    [(">&-", "standard output: Bad file descriptor"), ("<&- -", "standard input: is closed; name a file")],
)
def test_a_missing_stream_is_said(command, stream, why):
    done = shell(f"{command} {'spots.jsonl' if stream == '>&-' else ''} {stream}")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines()[-1].startswith(f"{command}: {why}")
    assert b"Traceback" not in done.stderr


@FULL
@pytest.mark.parametrize("line", ["nms spots.jsonl >", "nms spots.jsonl -o", "nms --help >"])
def test_a_full_device_is_said(line):
    done = shell(f"{line} /dev/full")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith("nms: ")
    assert done.stderr.decode().endswith("No space left on device\n")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("stderr", ["2>&-", "2> >(true)", pytest.param("2> /dev/full", marks=FULL)])
def test_nobody_needs_to_read_warnings(stderr):
    """They go nowhere, and certainly not into the result."""
    quiet = shell("evaluate spots.jsonl --quiet")
    done = shell(f"evaluate spots.jsonl {stderr}; echo $? > status")
    assert json.loads(done.stdout) == json.loads(quiet.stdout)
    assert Path("status").read_text() == "0\n"


def test_errors_that_nobody_reads_still_count():
    assert shell("nms nowhere.jsonl 2>&-").returncode == 1


def test_without_stderr_an_output_file_is_clean(tiny):
    done = shell(f'extract-frames "{tiny.video}" -o frames --size 64x64 2>&- | cat')
    assert done.stdout.decode() == f"frames/{tiny.video.stem}.h5\n"
    assert Path(done.stdout.decode().strip()).is_file()


def test_only_the_pipe_of_stdout_ends_a_command_quietly():
    assert shell("set -o pipefail; nms spots.jsonl | true").returncode == 0
    os.mkfifo("fifo")
    done = shell("exec 3<>fifo 4>fifo 3<&-; nms spots.jsonl -o /dev/fd/4")
    assert (done.returncode, done.stderr) == (1, b"nms: /dev/fd/4: Broken pipe\n")


def test_text_is_utf8_whatever_the_locale():
    Path("spots.jsonl").write_text(json.dumps(SPOT | {"video": "Köln"}, ensure_ascii=False) + "\n", "utf-8")
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    lines = (
        "nms spots.jsonl",
        "nms < spots.jsonl",
        "nms spots.jsonl -o out; cat out",
        "cp spots.jsonl ü; nms ü",
    )
    for line in lines:
        assert json.loads(shell(line, **plain).stdout.decode("utf-8"))["video"] == "Köln"


def test_files_are_named_in_utf8_whatever_the_locale():
    """Labels lie in a folder whose name is in a list and in the spots."""
    Path("Köln").mkdir()
    Path("Köln/Labels-v2.json").write_bytes(Path("g/Labels-v2.json").read_bytes())
    Path("list.txt").write_text("Köln\n", "utf-8")
    Path("spots.jsonl").write_text(
        json.dumps(SPOT | {"video": "Köln/1_x.mkv", "position_ms": 1000}), "utf-8"
    )
    for options in ("", "--labels .", "--games list.txt"):
        done = shell(f"evaluate spots.jsonl {options} --classes Goal", LC_ALL="C", PYTHONUTF8="0")
        assert json.loads(done.stdout)["metrics"]["tight"]["a_mAP"] == 1.0


@pytest.mark.parametrize("line", ["nms spots.jsonl -o /dev/stdout", "nms spots.jsonl -o /dev/fd/1"])
def test_what_was_written_before_stays(line):
    done = shell(f"{{ echo before; {line}; echo after; }} > file")
    assert done.returncode == 0
    assert [line[:5] for line in Path("file").read_text().splitlines()] == ["befor", '{"vid', "after"]


@pytest.mark.parametrize(("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_openmps_threads_sleep_while_they_wait(monkeypatch, given, policy):
    from comedian.cli import _start

    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    _start._let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == policy
