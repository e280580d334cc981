"""What may go on and what may not; tests/training/test_resume.py looks at the weights."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from cli.distill import main as distill


@pytest.fixture
def interrupt(run, words, tmp_path):
    """interrupt(*more): run distill, interrupt it after its first epoch -> its command line and state."""
    output = tmp_path / "weights.safetensors"
    state = output.with_name("weights.safetensors.resume")

    def wait() -> None:
        while not state.exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    def call(*more):
        line = [*words("distill", output), "--epochs", "20", *more]
        threading.Thread(target=wait, daemon=True).start()
        assert run(distill, *line)[::2] == (130, "distill: interrupted; --resume goes on\n")
        return line, state

    return call


def test_another_bank_or_start_is_told(run, tiny, interrupt, tmp_path):
    line, state = interrupt()
    kept = state.read_bytes()
    for option, other in (("--bank", other_bank(tiny.bank, tmp_path)), ("--init", tiny.other_spotter)):
        status, out, err = run(distill, *line, "--resume", option, other)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert f"{state}: was begun with {option} = 'sha256 " in err
        assert "go on as it was begun, or delete it to begin anew" in err
        assert state.read_bytes() == kept


def other_bank(bank: Path, folder: Path) -> Path:
    """The same bank, but for one number."""
    import h5py

    other = folder / "other.h5"
    shutil.copy(bank, other)
    with h5py.File(other, "r+") as file:
        file["targets"][0, 0] += 0.5
    return other


def test_the_same_files_may_lie_elsewhere(run, tiny, interrupt, tmp_path):
    line, state = interrupt()
    bank, init = shutil.copy(tiny.bank, tmp_path / "b.h5"), shutil.copy(tiny.spatial, tmp_path / "i")
    assert run(distill, *line, "--resume", "--bank", bank, "--init", init)[::2] == (0, "")
    assert not state.exists()


def test_what_a_run_started_from_is_said_once(run, tiny, interrupt):
    """Here from weights that are not of the step before."""
    line, _ = interrupt("--init", tiny.other_spotter)
    line.remove("--quiet")
    assert run(distill, *line, "--resume", "--epochs", 20)[::2] == (0, "")
    assert "is a spotter checkpoint, only its spatial" in run(distill, *line, "--epochs", 1)[2]
