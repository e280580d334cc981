"""Every command is one file in cli/, one launcher, one script line, one test and one page."""

import os
import tomllib
from pathlib import Path

import pytest

from cli.umbrella import COMMANDS

ROOT = Path(__file__).parents[1]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_the_sets_agree():
    modules = {path.stem for path in (ROOT / "cli").glob("*.py") if not path.stem.startswith("_")}
    assert modules - {"umbrella"} == {name.replace("-", "_") for name in COMMANDS}
    assert set(SCRIPTS) == {"comedian", *COMMANDS}
    assert {path.name for path in (ROOT / "bin").iterdir()} == set(SCRIPTS)
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert set(COMMANDS) <= pages


@pytest.mark.parametrize("name", COMMANDS)
def test_each_has_its_parts(name):
    module = name.replace("-", "_")
    assert SCRIPTS[name] == f"comedian.cli.{module}:main"
    launcher = ROOT / "bin" / name
    assert os.access(launcher, os.X_OK)
    assert f"from cli.{module} import main" in launcher.read_text()
    assert (ROOT / "tests" / "cli" / f"test_{module}.py").is_file()


@pytest.mark.parametrize("name", COMMANDS)
def test_its_page_tells_every_option(name):
    """A page names its command's options, and no others."""
    import importlib
    import re

    page = (ROOT / "docs" / f"{name}.md").read_text()
    assert page.startswith(f"# {name}")
    help_text = _help(importlib.import_module(f"cli.{name.replace('-', '_')}"))
    options = set(re.findall(r"--[a-z][a-z-]+", help_text.split("Example:")[0])) - {"--help"}
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page))
    assert not options - told, "options without a word in the page"


def _help(module) -> str:
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit):
        module.main(["--help"])
    return text.getvalue()
