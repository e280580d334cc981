"""docs/recipes.md is run from top to bottom, each command replaced by one that writes down its words.

So shell functions, loops and variables are bash's own affair; what is left are plain command lines, which
the commands themselves parse, stopped just before they would begin.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from cli._umbrella import COMMANDS
from comedian.errors import InputError
from tests.command_lines import OF_PAPER, check, noted, options, put_stand_ins

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "recipes.md").read_text()
OTHERS = "make", "python", "jq"
OUTPUTS = "-o", "--scores"

__all__ = ["options"]  # a fixture


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> list[list[str]]:
    """Every command line of the page, in words, in the order in which they would run."""
    folder = tmp_path_factory.mktemp("page")
    put_stand_ins(folder / "bin", (*COMMANDS, *OTHERS))
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "NOTES": str(folder / "notes")}
    script = ["bash", "-eu", "-o", "pipefail", "-c", "".join(fences("sh"))]
    done = subprocess.run(script, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return noted(folder / "notes")


def test_every_command_line_parses(lines, options):
    ours = [words for words in lines if words[0] in COMMANDS]
    assert {words[0] for words in ours} == set(OF_PAPER)
    for words in ours:
        check(words, options)


@pytest.mark.parametrize(("right", "wrong"), [("mask_share", "mask_shard"), ("model.num_t", "model.nun_t")])
def test_a_misspelt_key_is_found(lines, options, right, wrong):
    line = next(words for words in lines if right in shlex.join(words))
    with pytest.raises(InputError, match="did you mean"):
        check([word.replace(right, wrong) for word in line], options)


def test_a_misspelt_option_is_found(lines, options, capsys):
    line = next(words for words in lines if words[0] == "distill")
    with pytest.raises(SystemExit):
        check([word.replace("--bank", "--bnak") for word in line], options)
    assert "--bnak" in capsys.readouterr().err


def made_and_used(words: list[str]) -> Iterator[tuple[str, bool]]:
    """Files of the work folder that a line names, and whether it makes them."""
    for before, word in pairwise(words):
        if word.startswith("work/") and before != "--root":
            yield word, before in OUTPUTS


def test_rows_use_what_earlier_rows_made(lines):
    there = set()
    for words in lines:
        for path, is_made in made_and_used(words):
            assert is_made or path in there, (path, words)
            there |= {path} if is_made else set()


def test_no_row_overwrites_another(lines):
    made = [path for words in lines for path, is_made in made_and_used(words) if is_made]
    again = {path for path in made if made.count(path) > 1} - {"work/paper/frames"}
    assert not again


def test_a_later_bank_wins(lines, options):
    line = next(words for words in lines if words.count("--bank") == 2)
    assert options(line)["bank"] == Path(line[len(line) - line[::-1].index("--bank")])


def test_make_and_python_lines(lines, options):
    """Variables that the Makefile has, options that build-bank has, tests that exist."""
    makefile = (ROOT / "Makefile").read_text()
    made = [words for words in lines if words[0] == "make"]
    assert [words[1] for words in made] == ["check-recipe", "plan", "recipe"]
    for _, target, *words in made:
        variables = dict(word.split("=", 1) for word in words)
        assert f"\n{target}:" in makefile
        assert all(re.search(rf"^{name}\s*\?=", makefile, re.MULTILINE) for name in variables)
    options(["build-bank", "train.txt", *shlex.split(variables["BANK"]), "-o", "bank.h5"])
    (ran,) = (words for words in lines if words[0] == "python")
    assert ran[1:3] == ["-m", "pytest"]
    assert (ROOT / ran[3]).is_file()


def test_rows_named_in_tables_are_made(lines):
    """`name` in the last column of a row is a spotter, or the first part of the names of several."""
    made = {Path(path).name for words in lines for path, _ in made_and_used(words)}
    rows = re.findall(r"\| `([a-z0-9_-]+)`[^|]*\|$", PAGE, re.MULTILINE)
    assert len(rows) > 20
    missing = [row for row in rows if not any(re.match(rf"{row}[.-]", name) for name in made)]
    assert not missing


def test_python_compiles():
    for code in fences("python"):
        compile(code, "docs/recipes.md", "exec")
