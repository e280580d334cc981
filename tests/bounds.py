"""Try pyproject's bounds: a part of the suite with the lowest and with the highest versions that it allows.

Each set of versions has an environment of its own, without CUDA's libraries, which is removed after. uv
chooses the versions: "lowest" are pyproject's lower bounds, and for what those need in turn the newest that
fit. A Python that this machine lacks is told and left out; pyenv has those that `pyenv global` names.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from tests.cpu_requirements import requirements

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "bounds"
UV = Path(sys.executable).with_name("uv")
PYTHONS = ("3.11", "3.12", "3.13")
RESOLUTIONS = {"lowest": "lowest-direct", "highest": "highest"}
SHOWN = ("torch", "numpy", "av", "timm", "typer")  # of the versions that are taken, in the table
PART = (  # reading, decoding, networks, a step of each stage, and the commands around a spotter
    "tests/formats/test_frames.py",
    "tests/formats/test_bank.py",
    "tests/formats/test_checkpoint.py",
    "tests/formats/test_scores.py",
    "tests/formats/test_soccernet.py",
    "tests/formats/test_exported.py",
    "tests/video/test_sample.py",
    "tests/video/test_inspect.py",
    "tests/models/test_blocks.py",
    "tests/models/test_spotter.py",
    "tests/models/test_packed.py",
    "tests/weights/test_load.py",
    "tests/weights/test_from_timm.py",
    "tests/weights/test_start.py",
    "tests/losses/test_sce.py",
    "tests/data/test_augment.py",
    "tests/bank/test_build.py",
    "tests/spotting/test_sliding.py",
    "tests/training/test_pretrain_spatial.py",
    "tests/training/test_distill.py",
    "tests/training/test_finetune_step.py",
    "tests/test_interrupts.py",
    "tests/cli/test_device.py",
    "tests/cli/test_finetune.py",
    "tests/cli/test_spot.py",
    "tests/cli/test_nms.py",
    "tests/cli/test_evaluate.py",
    "tests/cli/test_every_command.py",
)


class Tried(NamedTuple):
    """A set of versions, and what became of it."""

    versions: str
    python: str
    packages: dict[str, str]
    outcome: str
    seconds: float = 0.0
    good: bool = True


def main() -> None:
    """Try each set of versions; exit status 1 if a test fails in one, or there was no Python to try."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("torch_backend", help="of uv, such as cpu; empty for torch as the registry has it")
    parser.add_argument("pythons", nargs="*", default=PYTHONS)
    parser.add_argument("--versions", nargs="+", default=list(RESOLUTIONS), choices=RESOLUTIONS)
    parser.add_argument("--tests", nargs="+", default=PART)
    asked = parser.parse_args()
    tried = []
    for one in trials(asked):
        tried.append(one)
        print(f"{one.versions} on Python {one.python}: {one.outcome}", flush=True)
    print("\n" + "\n".join(table(tried)))
    sys.exit(not (all(one.good for one in tried) and any(one.packages for one in tried)))


def trials(asked: argparse.Namespace) -> Iterator[Tried]:
    """Each set of versions on each Python."""
    for versions, python in product(asked.versions, asked.pythons):
        environment = BUILD / f"{versions}-{python}"
        try:
            yield trial(environment, versions, python, asked)
        finally:
            shutil.rmtree(environment, ignore_errors=True)


def trial(environment: Path, versions: str, python: str, asked: argparse.Namespace) -> Tried:
    """Make an environment, and run the tests in it; their output is kept beside it."""
    if uv("python", "find", "--no-project", python).returncode:
        return Tried(versions, python, {}, "no such Python on this machine")
    began = perf_counter()
    made = install(environment, RESOLUTIONS[versions], python, asked.torch_backend)
    if made.returncode:
        return Tried(versions, python, {}, f"not installed: {made.stderr.strip()}", good=False)
    log = environment.with_suffix(environment.suffix + ".log")
    with log.open("w") as output:
        words = [environment / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", "-m", "not slow"]
        status = subprocess.run([*words, *asked.tests], stdout=output, stderr=output, cwd=ROOT).returncode
    outcome = last_line(log) + (f"; see {log.relative_to(ROOT)}" if status else "")
    return Tried(
        versions, python, packages_of(environment), outcome, perf_counter() - began, good=not status
    )


def install(environment: Path, resolution: str, python: str, backend: str) -> subprocess.CompletedProcess:
    """Make an environment with the versions of a resolution; the first step that fails is the result."""
    target = ["pip", "install", "--compile-bytecode", "--python", environment / "bin" / "python"]
    options = ["--resolution", resolution, *(["--torch-backend", backend] if backend else [])]
    steps = (
        ["venv", "--clear", "--no-project", "--python", python, environment],
        [*target, *options, *requirements()],
        [*target, "--no-deps", "--editable", ROOT],
    )
    for step in steps:
        done = uv(*step)
        if done.returncode:
            break
    return done


def packages_of(environment: Path) -> dict[str, str]:
    """The versions that were taken, by package."""
    frozen = uv("pip", "freeze", "--python", environment / "bin" / "python").stdout
    return dict(line.split("==") for line in frozen.splitlines() if "==" in line)


def last_line(log: Path) -> str:
    """Pytest's own summary: what passed, failed and was skipped."""
    lines = re.findall(r"^(?:=+ )?(\d+ (?:passed|failed|error).*?) in .*$", log.read_text(), re.MULTILINE)
    return lines[-1] if lines else "did not end"


def table(tried: list[Tried]) -> Iterator[str]:
    """Lines of a Markdown table: the versions, and what became of them."""
    yield f"| versions | Python | {' | '.join(SHOWN)} | tests | minutes |"
    yield "|---" * (4 + len(SHOWN)) + "|"
    for one in tried:
        shown = " | ".join(one.packages.get(name, "") for name in SHOWN)
        yield f"| {one.versions} | {one.python} | {shown} | {one.outcome} | {one.seconds / 60:.0f} |"


def uv(*words: str | Path) -> subprocess.CompletedProcess:
    """Run uv, which takes only Pythons that are there."""
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.run(
        [UV, "--quiet", *map(str, words)], capture_output=True, text=True, env=environment
    )


if __name__ == "__main__":
    main()
