"""Every command is one file in cli/, one launcher, one script line, one test and one page."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import h5py
import pytest
from safetensors import safe_open

from cli._umbrella import COMMANDS, WITHIN
from comedian.formats.provenance import provenance
from comedian.version import VERSION
from tests.help_pages import help_of, told_by, without_layout

ROOT = Path(__file__).parents[1]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
TORCHRUN = {"--nnodes", "--nproc-per-node", "--no-python"}


def test_the_sets_agree():
    modules = {path.stem for path in (ROOT / "cli").glob("*.py") if not path.stem.startswith("_")}
    assert modules == {name.replace("-", "_") for name in COMMANDS | WITHIN}
    assert set(SCRIPTS) == {"comedian", *COMMANDS}
    assert {path.name for path in (ROOT / "bin").iterdir()} == set(SCRIPTS)
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    others = (
        "README tutorial experiments formats library performance recipes reliability scale security".split()
    )
    assert pages == {*COMMANDS, *WITHIN, *others}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_has_its_parts(name):
    module = name.replace("-", "_")
    assert SCRIPTS[name] == f"comedian.cli._start:{module}"
    launcher = ROOT / "bin" / name
    assert os.access(launcher, os.X_OK)
    assert launcher.is_symlink()
    assert launcher.resolve() == ROOT / "bin" / "comedian"


@pytest.mark.parametrize("name", COMMANDS | WITHIN)
def test_each_has_its_test(name):
    assert (ROOT / "tests" / "cli" / f"test_{name.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize("name", COMMANDS | WITHIN)
def test_its_page_has_its_help(name):
    """A page prints the command's own help, and names no option that no command has."""
    page = (ROOT / "docs" / f"{name}.md").read_text()
    assert page.startswith(f"# {'comedian ' * (name in WITHIN)}{name}\n")
    written = without_layout(told_by(page))
    assert written == without_layout(help_of(name)), "write it anew: python -m tests.help_pages"
    assert told_in(page) <= set().union(*map(options_of, COMMANDS | WITHIN)) | TORCHRUN | {"--help"}


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_version_stands_in_one_place_and_is_the_same_elsewhere():
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text()
    released = re.findall(r"^## (\d\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == VERSION
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_a_cpu_needs_no_package_for_cuda():
    words = [sys.executable, ROOT / "tests" / "cpu_requirements.py"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {re.match(r"[\w-]+", line)[0] for line in lines}
    assert {"faiss-cpu", "timm", "av", "pytest"} <= names
    assert not names & {"torch", "torchvision", "faiss-gpu"}
    readme = (ROOT / "README.md").read_text()
    (told,) = re.findall(r"pip install (faiss-cpu .*)", readme)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    beside = {re.match(r"[\w-]+", tool)[0] for tool in extras["test"] + extras["demo"]}
    assert set(told.split()) == names - beside


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "Makefile",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/library.md",
        "docs/formats.md",
        "docs/recipes.md",
    ],
)
def test_no_other_page_tells_of_options_that_do_not_exist(path):
    ours = set().union(*map(options_of, COMMANDS | WITHIN)) | {"--help"}
    pip = {"--disable-pip-version-check", "--editable", "--no-deps", "--quiet", "--index-url"}
    foreign = TORCHRUN | pip | {"--no-print-directory", "--check", "--prefix"}
    assert told_in((ROOT / path).read_text()) <= ours | foreign


def test_links_between_pages_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), (page.name, link)


def test_formats_names_everything_our_files_hold(tiny, run):
    """Whatever a file of ours carries has a word in docs/formats.md."""
    from cli.spot import main

    page = (ROOT / "docs" / "formats.md").read_text()
    scores = tiny.root / "scores.h5"
    assert run(main, tiny.half, "-m", tiny.spotter, "--scores", scores, "--device", "cpu")[0] == 0
    names = set().union(*map(held_by, (tiny.half, tiny.bank, scores)))
    with safe_open(tiny.spotter, "numpy") as file:
        names |= file.metadata().keys() | set(json.loads(file.metadata()["geometry"]))
        names |= json.loads(provenance()).keys()
    names = {name.removeprefix("00000/") for name in names}
    assert {"offset", "pca/mean", "probabilities", "kind", "parents"} <= names
    assert not [name for name in names if f"`{name}`" not in page]
    assert all(f"[{stem}](" in page for stem in ("frames", "bank", "scores", "weights", "recipe"))


def held_by(path: Path) -> set[str]:
    """Names of an HDF5 file's arrays and attributes."""
    with h5py.File(path) as file:
        names = set(file.attrs)
        file.visititems(lambda name, item: names.update([name] * hasattr(item, "shape"), item.attrs))
    return names


def options_of(name: str) -> set[str]:
    """The long options of a command, from its help."""
    return told_in(help_of(name).split("Example:")[0]) - {"--help"}


def told_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def test_provenance_tells_the_command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/spot", "a b.mkv", "-o", "x"])
    assert json.loads(provenance())["command"] == "spot 'a b.mkv' -o x"
