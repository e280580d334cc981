"""comedian completion: what shells make of the scripts."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli._completion import SHELLS
from cli._offered import options
from cli._umbrella import COMMANDS, WITHIN
from cli.completion import main
from tests.help_pages import help_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> dict[str, Path]:
    """The script of each shell, in a file."""
    known, folder = options(), tmp_path_factory.mktemp("scripts")
    for name, script in SHELLS.items():
        (folder / name).write_text(script(known))
    return {name: folder / name for name in SHELLS}


@pytest.fixture
def bash(scripts, tmp_path):
    """bash(*words) -> what it offers for the last of them."""

    def call(*words: str) -> list[str]:
        code = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _comedian "$1"; '
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        line = ["bash", "--norc", "-c", code, "bash", scripts["bash"], *words]
        done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    return call


OFFERED = [
    ("comedian ", [*COMMANDS, *WITHIN, "--help", "--version"]),
    ("comedian ext", ["extract-frames"]),
    ("/some/where/bin/comedian fi", ["finetune"]),
    ("comedian completion ", ["bash", "zsh", "fish"]),
    ("comedian nms --so", ["--soft"]),
    ("nms --so", ["--soft"]),
    ("./bin/nms --window-", ["--window-for"]),
    ("nms --to ", ["jsonl", "soccernet"]),
    ("nms --to = so", ["soccernet"]),
    ("nms --to =", ["jsonl", "soccernet"]),
    ("spot match.mkv --device c", ["cpu", "cuda"]),
    ("comedian spot --merge a", ["average"]),
    ("finetune --recipe vivit-s", ["vivit-small"]),
    ("finetune --recipe ./x", []),
    ("nms --output -", []),
    ("nms ", []),
    ("nms a", []),
    ("no-such --x", []),
    ("comedian diff --j", ["--json"]),
]


@pytest.mark.parametrize(("line", "offered"), OFFERED)
def test_what_bash_offers(line, offered, bash):
    """Nothing means files."""
    assert bash(*line.split(" ")) == offered


@pytest.mark.parametrize("name", COMMANDS | WITHIN)
def test_every_option_of_every_command_is_offered(name, bash):
    lines = re.findall(r"^  (-.*?)(?:  .*)?$", help_of(name), re.MULTILINE)
    offered = bash("comedian", name, "-")
    assert set(re.findall(r"--[\w-]+", " ".join(lines))) == {
        word for word in offered if word.startswith("--")
    }
    if name in COMMANDS:
        assert bash(name, "-") == offered


@pytest.mark.parametrize(("shell", "bare"), [("bash", ["--norc", "--noprofile"]), ("zsh", ["-f"])])
def test_a_person_at_a_terminal(shell, bare, scripts, tmp_path):
    """The tab key, pressed in an interactive shell: an option, and a file with a blank in its name."""
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    (tmp_path / "all games.jsonl").touch()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.environ.update(PS1="", TERM="dumb", INPUTRC="/dev/null", ZDOTDIR=str(tmp_path))
        os.execvp(shell, [shell, *bare, "-i"])
    stand_in = "nms() { printf 'got <%s>' \"$@\"; echo; echo done; }"
    typed = (f"source {scripts[shell]}; {stand_in}\n", "nms --thr\t0.5 al\t\n", "exit\n")
    seen, end = b"", time.monotonic() + 20
    for number, line in enumerate(typed):
        os.write(terminal, line.encode())
        while time.monotonic() < end and select.select([terminal], [], [], 5 if number else 2)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
            if number == 1 and b"\ndone" in seen:
                break
    os.waitpid(child, 0)
    os.close(terminal)
    assert b"got <--threshold>got <0.5>got <all games.jsonl>" in seen, seen


def test_words_are_those_of_any_shell(scripts):
    for shell, script in (("sh", "bash"), ("zsh", "zsh")):
        if not shutil.which(shell):
            continue
        code = scripts[script].read_text().split("\n_comedian()")[0] + '\n_comedian_words nms --to ""'
        done = subprocess.run([shell, "-c", code], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("jsonl\nsoccernet\n", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_syntax(shell, scripts):
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    done = subprocess.run([shell, "-n", scripts[shell]], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_fish_offers(scripts):
    if not shutil.which("fish"):
        pytest.skip("there is no fish")
    for line, offered in OFFERED:
        if "=" in line or "/" in line or not offered or line == "comedian ":
            continue
        code = f"source {scripts['fish']}; complete -C '{line}'"
        done = subprocess.run(["fish", "-c", code], capture_output=True, text=True)
        assert {word.split("\t")[0] for word in done.stdout.splitlines()} >= set(offered), line


def test_fish_knows_every_command_from_the_start(scripts, tmp_path):
    """The file lies where the page says; no command needs to be completed before another."""
    if not shutil.which("fish"):
        pytest.skip("there is no fish")
    page = (ROOT / "docs" / "completion.md").read_text()
    (place,) = re.findall(r"comedian completion fish > ~/(\S+)\n", page)
    (tmp_path / place).parent.mkdir(parents=True)
    shutil.copy(scripts["fish"], tmp_path / place)
    code = "complete -C 'nms --so'; complete -C 'comedian fi'"
    at_home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    done = subprocess.run(["fish", "-c", code], capture_output=True, text=True, env=at_home)
    assert [line.split("\t")[0] for line in done.stdout.split("\n") if line] == ["--soft", "finetune"]


def test_descriptions_in_fish_are_quoted(scripts):
    text = scripts["fish"].read_text()
    assert "the list\\'s folder" in text
    assert "complete -c nms -l to -r -f -a 'jsonl soccernet' -d " in text
    assert "complete -c comedian -n '__fish_seen_subcommand_from nms' -l to -r -f -a " in text


def test_nothing_heavy_is_imported():
    heavy = "torch", "timm", "av", "h5py", "faiss", "sklearn", "numpy", "rich"
    code = (
        "import sys; from cli.completion import main\n"
        "try: main(['bash'])\n"
        f"finally: print('#', [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "# []"


def test_the_command(run, scripts):
    for shell in SHELLS:
        assert run(main, shell) == (0, scripts[shell].read_text(), "")
    for words in ([], ["tcsh"]):
        status, out, err = run(main, *words)
        assert (status, out) == (2, "")
        assert err
