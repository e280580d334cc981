"""Inputs of the training steps, made once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from comedian.training import loop
from comedian.training.run import Run
from comedian.training.state import Place, save_state
from tests.threads import torch_threads
from tests.training.stages import CPU, make_inputs, open_halves

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """Folder of frames, a bank and weights; read it only. A frozen stage keeps its tokens in it."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture
def halves(inputs):
    return open_halves(inputs)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in one order, and nobody else's cores."""
    with torch_threads(1):
        yield


@pytest.fixture
def a_run(tmp_path) -> Callable[..., Run]:
    """Make a Run whose output is a file of its own and whose records land in its list `records`."""

    def make(name: str = "output.safetensors", records: list | None = None, **changes) -> Run:
        emit = (lambda record: None) if records is None else records.append
        return Run(tmp_path / name, CPU, emit=emit, **changes)

    return make


@pytest.fixture
def drive(inputs) -> Callable:
    """`driven` on the session's inputs."""
    return partial(driven, inputs)


def driven(inputs: Path, *tasks: str, processes: int = 1) -> int:
    """Do tasks of tests/training/stages.py in one or more other processes; return the exit status."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [*(torchrun if processes > 1 else []), "-m", "tests.training.stages", str(inputs), *tasks]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, timeout=300).returncode


@contextmanager
def interrupted(epochs: int, kept: bool = True) -> Iterator[None]:
    """Ctrl-C once so many epochs are behind a run, just after the last one was kept or just before."""
    left = epochs

    def save(path: Path, place: Place, *rest) -> None:
        nonlocal left
        left -= not place.losses
        if left or kept:
            save_state(path, place, *rest)
        if not left:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save_state", save)
        with pytest.raises(KeyboardInterrupt):
            yield


def read_records(output: Path) -> list[dict]:
    """The records that a driven stage wrote beside its output."""
    return [json.loads(line) for line in Path(f"{output}.jsonl").read_text().splitlines()]
