"""What docs/security.md promises: no network without a hub's name, no program started, no pickle loaded."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "comedian").rglob("*.py"), *(ROOT / "cli").glob("*.py")])
PROGRAMS = {"subprocess", "pickle", "marshal", "shelve", "dill", "joblib", "urllib", "requests", "socket"}
CALLS = {"eval", "exec", "system", "popen", "execv", "execvp", "posix_spawn", "spawnv"}
WATCHED = """
import os, sys
told, *sys.argv = sys.argv[1:]
told = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
network = {"socket.connect", "socket.getaddrinfo"}
names = network | {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}
sys.addaudithook(lambda name, args: name in names and os.write(told, f"{name} {args}\\n".encode()))
from comedian.cli import _start
getattr(_start, sys.argv[0])()
"""
KNOWN = r"subprocess\.Popen \('(uname|lscpu|/sbin/ldconfig)', .*\n"  # libraries ask what the system is


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_can_start_programs_or_load_pickles(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and [alias.name for alias in node.names] != [
            "UnpicklingError"
        ]:
            names = [(node.module or "").split(".")[0]] if node.level == 0 else []
        elif isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            owner = getattr(called, "value", None)
            bare = isinstance(called, ast.Name) or getattr(owner, "id", "") == "os"
            again = name == "execv" and path.name == "_start.py"  # itself, in UTF-8
            assert again or not (bare and name in CALLS), f"line {node.lineno} calls {name}"
            options = {item.arg: ast.unparse(item.value) for item in node.keywords}
            assert options.get("allow_pickle", "False") == "False"
            if ast.unparse(called) == "torch.load":
                assert options.get("weights_only") == "True", f"line {node.lineno}"
        among = {"socket"} if path.name == "machines.py" else set()  # of torchrun's own
        assert not PROGRAMS & set(names) - among, f"line {node.lineno} imports {names}"


def test_runs_on_local_files_reach_for_nothing_else(tiny, tmp_path):
    cpu = ["--device", "cpu", "--quiet"]
    short = ["--epochs", "1", "--batch-size", "4", "--set", "windows_per_game=4"]
    spots = tmp_path / "spots.jsonl"
    lines = {
        "extract_frames": [tiny.videos, "-o", tmp_path / "frames", "--quiet"],
        "build_bank": [tiny.frames, "--teacher", tiny.spatial, "-o", tmp_path / "bank.h5", *cpu],
        "distill": [
            tiny.frames,
            "--init",
            tiny.spatial,
            "--bank",
            tiny.bank,
            *short,
            *cpu,
            "-o",
            tmp_path / "d",
        ],
        "spot": [tiny.video, "-m", tiny.spotter, "-o", spots, *cpu],
        "nms": [spots, "-o", tmp_path / "kept.jsonl"],
        "evaluate": [spots, "--labels", tiny.labels, "-o", tmp_path / "scores.json", "--quiet"],
    }
    for name, words in lines.items():
        watched = [sys.executable, "-c", WATCHED, tmp_path / "told", name, *words]
        done = subprocess.run(list(map(str, watched)), cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, (name, done.stderr)
        assert re.sub(KNOWN, "", (tmp_path / "told").read_text()) == "", name


@pytest.mark.parametrize(
    "code", ["import os; os.system('true')", "import socket; socket.create_connection(('127.0.0.1', 9))"]
)
def test_the_watch_sees_what_it_looks_for(code, tmp_path):
    watch = WATCHED.split("from comedian")[0]
    subprocess.run([sys.executable, "-c", watch + code, tmp_path / "told", "name"], capture_output=True)
    assert (tmp_path / "told").read_text()
