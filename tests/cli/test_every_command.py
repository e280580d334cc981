"""The same few promises, asked of every command."""

import math
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

import pytest

from cli._umbrella import COMMANDS, WITHIN
from cli._umbrella import main as umbrella
from comedian.version import VERSION

ROOT = Path(__file__).parents[2]
BIN = ROOT / "bin"
MATCHES = ROOT / "tests/data/matches"
every_command = pytest.mark.parametrize("name", COMMANDS)
of_all = pytest.mark.parametrize("name", COMMANDS | WITHIN)
APART = (
    "check-data",
    "cut-clips",
    "convert-spots",
    "draw-timeline",
    "export-model",
)  # which write in ways of their own
WRITERS = [name for name in COMMANDS if name not in APART]


def start(*words, **options) -> subprocess.Popen:
    command = [sys.executable, BIN / words[0], *map(str, words[1:])]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **(pipes | options))


def main_of(name: str):
    return import_module(f"cli.{name.replace('-', '_')}").main


@pytest.mark.parametrize("name", ["comedian", *COMMANDS, *WITHIN])
def test_help_is_quick_has_an_example_and_imports_nothing_heavy(name):
    heavy = "torch", "timm", "av", "h5py", "faiss", "sklearn", "numpy", "rich"
    module = "_umbrella" if name == "comedian" else name.replace("-", "_")
    code = (
        f"import sys; from cli.{module} import main\n"
        "try: main(['--help'])\n"
        f"finally: print([name for name in {heavy} if name in sys.modules])"
    )
    seconds = [math.inf]
    while min(seconds) >= 0.2 and len(seconds) <= 5:  # the machine may be busy with something else
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert done.stdout.startswith("Usage: ") or "\nUsage: " in done.stdout
    assert "Example: " in done.stdout
    assert done.stdout.strip().endswith("[]"), done.stdout
    assert min(seconds) < 0.2, "seconds of a processor"


@of_all
def test_unknown_options_are_status_2(name, run):
    status, out, err = run(main_of(name), "--no-such-option")
    assert (status, out) == (2, "")
    assert "--no-such-option" in err


@pytest.mark.parametrize("name", ["comedian", *COMMANDS, *WITHIN])
def test_the_version(name, run, capfd):
    """Before anything else is looked at, also what is required."""
    if name == "comedian":
        umbrella(["--version"])
        assert capfd.readouterr().out == f"comedian {VERSION}\n"
    else:
        called = f"comedian {name}" if name in WITHIN else name
        assert run(main_of(name), "--version") == (0, f"{called} {VERSION}\n", "")


def test_the_package_runs_as_a_module(tmp_path):
    for folder in (ROOT, tmp_path):  # from the checkout, and as it is installed
        words = [sys.executable, "-m", "comedian", "nms", "--version"]
        done = subprocess.run(words, capture_output=True, text=True, cwd=folder)
        assert (done.returncode, done.stdout) == (0, f"nms {VERSION}\n"), done.stderr


WRONG_CHOICES = [
    ("spot", "x.mkv --merge min", "'max', 'average'"),
    ("build-bank", "x --dtype int8", "'float16', 'float32'"),
    ("nms", "--to csv", "'jsonl', 'soccernet'"),
    ("extract-frames", "x -o y --sampling best", "'screen', 'ffmpeg'"),
    ("extract-frames", "x -o y --format png", "'jpeg', 'raw'"),
    ("evaluate", "--metrics tight,lose", "tight,loose,at1"),
]


@pytest.mark.parametrize(("name", "words", "choices"), WRONG_CHOICES)
def test_a_wrong_choice_is_status_2_and_names_the_others(name, words, choices, run):
    status, out, err = run(main_of(name), *words.split())
    assert (status, out) == (2, "")
    assert choices in err


KEPT_NAMES = [
    ("build-bank", {"--tau": "--temperature", "-k": "--num"}),
    ("evaluate", {"--framerate": "--fps"}),
]


@pytest.mark.parametrize(("name", "names"), KEPT_NAMES)
def test_older_names_of_options_stay(name, names, run):
    for old, new in names.items():
        told = [run(main_of(name), option, "none")[2] for option in (old, new)]
        assert told[0] == told[1] != ""
        assert "No such option" not in told[0]


@of_all
def test_every_option_has_a_long_form_and_a_metavar_in_words(name):
    from tests.help_pages import help_of

    lines = re.findall(r"^  (-.*?)(?:  .*)?$", help_of(name), re.MULTILINE)
    assert len(lines) > (1 if name in WITHIN else 3)
    for line in lines:
        assert "--" in line, line
        assert not re.search(r"<(str|int|float|path|list|file|directory)\b", line), line


@of_all
def test_the_umbrella_runs_it(name, run):
    assert run(umbrella, name, "--help") == run(main_of(name), "--help")


def test_the_umbrella_lists_the_commands(run, capfd):
    umbrella([])
    listing = capfd.readouterr().out
    assert all(f"  {name} " in listing for name in COMMANDS | WITHIN)
    status, out, err = run(umbrella, "no-such")
    assert (status, out) == (2, "")
    assert "no command 'no-such'" in err


def test_launchers_run_from_anywhere(tmp_path):
    done = subprocess.run([BIN / "comedian"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "extract-frames" in done.stdout


def command_line(name: str, path, output, tiny) -> list:
    """A command line in which everything but the input `path` is right."""
    spots = {"labels": ["--labels", tiny.labels], "model": ["--model", tiny.spotter]}
    finetune = [*spots["labels"], "--init", tiny.distilled]
    return {
        "extract-frames": [path, "-o", output],
        "build-bank": [path, "-o", output],
        "pretrain-spatial": [path, "-o", output, "--init", tiny.spatial, "-q"],
        "distill": [path, "--bank", tiny.bank, "-o", output, "--init", tiny.spatial, "-q"],
        "finetune": [path, "-o", output, *finetune, "-q"],
        "spot": [path, *spots["model"], "-o", output],
        "nms": [path, "-o", output],
        "evaluate": [path, "-o", output],
        "tune-nms": [path, "--labels", tiny.labels, "-o", output],
    }[name]


SUFFIX = {
    "extract-frames": ".mkv",
    "build-bank": ".npy",
    "pretrain-spatial": ".h5",
    "distill": ".h5",
    "finetune": ".h5",
    "spot": ".mkv",
    "nms": ".jsonl",
    "evaluate": ".jsonl",
    "tune-nms": ".h5",
}


def truncated(name: str, tiny) -> bytes:
    """A right input less its end; a video, of which a good part is left, is no error."""
    if name in ("nms", "evaluate"):
        spot = '{"video": "1_224p.mkv", "half": 1, "position_ms": 0, "label": "Goal", "confidence": 1}\n'
        return (3 * spot).encode()[:-20]
    right = {".mkv": tiny.video, ".h5": tiny.half, ".npy": next(tiny.features.rglob("*.npy"))}[SUFFIX[name]]
    return right.read_bytes()[: 100 if SUFFIX[name] == ".mkv" else -50]


@pytest.mark.parametrize("kind", ["missing", "empty", "wrong", "truncated"])
@pytest.mark.parametrize("name", WRITERS)
def test_bad_input_is_one_line_and_leaves_nothing(name, kind, run, tiny, tmp_path):
    path = tmp_path / f"input{SUFFIX[name]}"
    if kind == "empty":
        path.touch()
        if name in ("nms", "evaluate"):
            return  # no spots are no error
    if kind == "wrong":
        path.write_bytes(b"not at all what was asked for\n" * 40)
    if kind == "truncated":
        path.write_bytes(truncated(name, tiny))
    output = tmp_path / "out" / "result"
    if name != "extract-frames":
        output.parent.mkdir()
        output.write_bytes(b"old")
    status, out, err = run(main_of(name), *command_line(name, path, output, tiny))
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert err.startswith(f"{name}: ")
    assert path.name in err or (name, kind) == ("evaluate", "empty")
    assert "; " in err, "a remedy"
    left = [item for item in tmp_path.rglob("*") if item.is_file() and item != path]
    assert left == ([] if name == "extract-frames" else [output])
    assert name == "extract-frames" or output.read_bytes() == b"old"


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("nms", "evaluate")])
@pytest.mark.parametrize("where", ["input", "output"])
def test_binary_files_do_not_go_through_pipes(name, where, run, tiny, tmp_path, monkeypatch):
    """`-` is refused in words; but the output of spot and tune-nms is text."""
    monkeypatch.chdir(tmp_path)
    if name in ("spot", "tune-nms") and where == "output":
        return
    good = {".mkv": tiny.video, ".npy": tiny.features, ".h5": tiny.half}[SUFFIX[name]]
    path, output = ("-", "out") if where == "input" else (good, "-")
    status, out, err = run(main_of(name), *command_line(name, path, output, tiny))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"{name}: -: ")
    assert "cannot go through a pipe; name a file" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nms", "evaluate"])
def test_a_terminal_is_told_what_is_awaited(name):
    terminal, other_end = pty.openpty()
    process = start(name, stdin=other_end)
    try:
        assert process.stderr.readline() == f"{name}: waiting for spots on standard input\n".encode()
        time.sleep(0.3)  # Python may miss a signal just before it begins to read
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == (b"", f"{name}: interrupted\n".encode())
        assert process.returncode == 130
    finally:
        os.close(terminal)
        os.close(other_end)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "extract-frames"])
def test_output_that_cannot_be_is_said_at_once(name, run, tiny, tmp_path):
    """A folder in the place of the file, and a file in the place of its folder."""
    spots = tmp_path / "spots.jsonl"
    spots.write_text('{"video": "a", "half": 1, "position_ms": 0, "label": "Goal", "confidence": 1}\n')
    good = {".mkv": tiny.video, ".npy": tiny.features, ".h5": tiny.frames, ".jsonl": spots}[SUFFIX[name]]
    for output, what in (
        (tmp_path, f"{tmp_path}: is a folder; name a file"),
        (spots / "below" / "it", f"{spots}: is not a folder; write somewhere else"),
    ):
        if (name, output) == ("spot", tmp_path):
            continue  # a file for each game
        line = run(main_of(name), *command_line(name, good, output, tiny))
        assert line == (1, "", f"{name}: {what}\n")
    assert list(tmp_path.iterdir()) == [spots]


def test_a_traceback_on_request(run, monkeypatch):
    monkeypatch.setenv("COMEDIAN_TRACEBACK", "1")
    status, _, err = run(main_of("nms"), "nowhere.jsonl")
    assert status == 1
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("\nnms: nowhere.jsonl: no such file; check the path\n")


def interrupt_when(ready) -> None:
    """Ctrl-C to this process as soon as `ready()`."""

    def wait() -> None:
        while not ready():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


@pytest.fixture
def long_frames(tiny, tmp_path_factory) -> Path:
    """A folder of many halves, so that something is going on for a while."""
    folder = tmp_path_factory.mktemp("long")
    for number in range(1, 200):
        game = folder / f"game {number}"
        game.mkdir()
        (game / "1_224p.h5").symlink_to(tiny.half)
    return folder


def test_ctrl_c_leaves_no_bank(run, tiny, long_frames, tmp_path):
    output = tmp_path / "bank.h5"
    interrupt_when(lambda: list(tmp_path.glob(".bank.h5.*/3.npy")))
    words = [long_frames, "--teacher", tiny.spotter, "--device", "cpu", "-o", output]
    assert run(main_of("build-bank"), *words) == (130, "", "build-bank: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_before_the_first_epoch_leaves_nothing(run, tiny, long_frames, tmp_path):
    """Nothing to resume yet, so nothing is said of it."""
    seen = threading.Event()
    interrupt_when(seen.is_set)
    words = ["--init", tiny.spatial, "--batch-size", 2, "--device", "cpu", "-q"]

    from comedian.training import pretrain_spatial

    ran = pretrain_spatial.MocoStep.after_iteration

    def after_iteration(*arguments) -> None:
        ran(*arguments)
        seen.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrain_spatial.MocoStep, "after_iteration", after_iteration)
        result = run(main_of("pretrain-spatial"), long_frames, *words, "-o", tmp_path / "a.safetensors")
    assert result == (130, "", "pretrain-spatial: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_whole_pipe(tiny):
    """spot | nms | evaluate"""
    spot = start("spot", tiny.videos, "-m", tiny.spotter)
    nms = start("nms", stdin=spot.stdout)
    evaluate = start("evaluate", "--classes", "Goal,Foul,Corner", "-q", stdin=nms.stdout)
    out, err = evaluate.communicate(timeout=60)
    assert (spot.wait(timeout=10), nms.wait(timeout=10), evaluate.returncode, err) == (0, 0, 0, b"")
    assert b'"a_mAP"' in out


@pytest.mark.parametrize(
    "line",
    [
        "nms --window nan",
        "nms --threshold inf",
        "nms --window-for Goal=nan",
        "nms --window-for Goal=inf",
        "spot --threshold nan",
        "spot --ignored-seconds inf",
        "extract-frames --fps nan",
        "extract-frames --fps 1e9",
        "build-bank --tau nan",
        "build-bank --tau -1",
        "build-bank --features-fps nan",
        "build-bank --features-fps -1",
        "build-bank --features-offset nan",
        "build-bank --tau 1e-30",
        "build-bank --features-fps 1e308",
        "build-bank --features-offset 1e300",
        "evaluate --fps 1000000000",
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(line, run, tiny, tmp_path):
    name, option, value = line.split()
    source = {"build-bank": next(tiny.features.rglob("*.npy")).parent, "extract-frames": tiny.video}
    words = {"build-bank": ["--device", "cpu"], "extract-frames": ["-q"]}.get(name, [])
    (tmp_path / "spots.jsonl").touch()
    given = source.get(name, tiny.half if name == "spot" else tmp_path / "spots.jsonl")
    status, out, err = run(main_of(name), given, "-o", tmp_path / "out", option, value, *words)
    assert status in (1, 2), err
    assert out == ""
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.h5"))
    assert "Traceback" not in err
