"""The wheel, installed outside the checkout: what the build forgot is missed here.

The packages that COMEDIAN needs come from this environment; COMEDIAN itself must not.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from cli._umbrella import COMMANDS
from comedian.version import VERSION

ROOT = Path(__file__).parents[1]
SPOT = {"video": "a.mkv", "half": 1, "position_ms": 1000, "label": "Goal", "confidence": 0.5}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "-w",
        folder,
        ROOT,
    ]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The programs of an environment that has the wheel and no checkout."""
    folder = tmp_path_factory.mktemp("outside") / "environment"
    venv.create(folder, with_pip=False)
    words = ["--python", folder, "install", "--no-deps", "--disable-pip-version-check", wheel]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "others.pth").write_text(
        sysconfig.get_path("purelib")
    )  # after its own; no .pth of there counts
    return folder / "bin"


def run(*words, folder: Path, **options) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [*map(str, words)], capture_output=True, text=True, cwd=folder, env=environment, **options
    )


def test_it_holds_every_module_preset_and_mark(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "comedian").rglob("*.py")}
    commands = {f"comedian/cli/{path.name}" for path in (ROOT / "cli").glob("*.py")}
    presets = {str(path.relative_to(ROOT)) for path in (ROOT / "comedian").rglob("*.toml")}
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "comedian/pages").iterdir() if path.is_file()}
    assert len(modules) > 80
    assert len(presets) >= 4
    wanted = modules | commands | presets | pages | {"comedian/py.typed"}
    assert not wanted - names
    inside = {name for name in names if not name.startswith(f"comedian-{VERSION}.dist-info/")}
    assert inside == wanted, "and nothing else"


def test_its_metadata(wheel):
    text = zipfile.ZipFile(wheel).read(f"comedian-{VERSION}.dist-info/METADATA").decode()
    assert f"\nVersion: {VERSION}\n" in text
    assert "\nProject-URL: " in text
    assert "\nClassifier: Typing :: Typed\n" in text
    assert "\nLicense-File: LICENSE\n" in text


@pytest.mark.parametrize("name", ["comedian", *COMMANDS])
def test_every_command_starts(installed, tmp_path, name):
    done = run(installed / name, "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout


def test_it_is_the_installed_package_that_runs(installed, tmp_path):
    code = "import comedian, comedian.cli; print(comedian.cli.__file__)"
    done = run(installed / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed.parent))
    done = run(installed / "python", "-m", "comedian", "--version", folder=tmp_path)
    assert done.stdout == f"comedian {VERSION}\n"


@pytest.mark.parametrize("preset", sorted(path.stem for path in (ROOT / "comedian/recipes").glob("*.toml")))
def test_presets_are_found(installed, tmp_path, preset):
    done = run(installed / "finetune", "--recipe", preset, "--show-recipe", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[finetune]\n" in done.stdout


def test_a_pipe_works(installed, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{**SPOT, "position_ms": 1200}]))
    kept = run(installed / "nms", "--soft", folder=tmp_path, input=json.dumps(SPOT))
    scores = run(installed / "evaluate", "-q", "--classes", "Goal", folder=tmp_path, input=kept.stdout)
    assert json.loads(scores.stdout)["metrics"]["tight"]["a_mAP"] == 1, scores.stderr
