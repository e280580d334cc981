"""Files that version 0.1.0 wrote must be read by every later one, with what they held then."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cli.build_bank import main as build_bank
from cli.distill import main as distill
from cli.finetune import main as finetune
from cli.spot import main as spot
from comedian.formats.bank import Bank
from comedian.formats.frames import FramesFile
from comedian.weights.load import load_spatial, load_spotter, load_trunk

OLD = Path(__file__).parent / "data" / "written-by-0.1"
SPOTS = [json.loads(line) for line in (OLD / "spots.jsonl").read_text().splitlines()]
SHORT = ("--device", "cpu", "--quiet", "--batch-size", 4, "--set", "windows_per_game=4")


def spots_in(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_frames():
    file = FramesFile(OLD / "frames.h5")
    assert (len(file), file.fps, file.width, file.height, file.half) == (60, 2.0, 64, 36, 1)
    np.testing.assert_array_equal(file.seconds, np.arange(60) / 2)
    assert file.read([0, 59]).std() > 40


def test_a_bank(run):
    bank = Bank(OLD / "bank.h5")
    assert (bank.features.shape, bank.temperature_m, bank.neighbours) == ((120, 6), 0.07, None)
    np.testing.assert_allclose(np.linalg.norm(bank.features.astype(float), axis=1), 1, atol=1e-3)
    status, out, _ = run(build_bank, OLD / "bank.h5", "--query", "league/2026/C 2 - 2 D@00:10", "-q")
    assert (status, len(out.splitlines())) == (0, 10)


def test_scores_hold_the_spots_of_their_day(run):
    status, out, err = run(spot, OLD / "scores.h5", "-q")
    assert (status, err, spots_in(out)) == (0, "", SPOTS)


def test_a_spotter_finds_what_it_found(run):
    status, out, err = run(spot, OLD / "frames.h5", "-m", OLD / "spotter.safetensors", "--device", "cpu")
    assert (status, err) == (0, "")
    found = spots_in(out)
    assert [drop(one) for one in found] == [drop(one) for one in SPOTS]
    np.testing.assert_allclose(
        [one["confidence"] for one in found], [one["confidence"] for one in SPOTS], atol=2e-5
    )


def drop(one: dict) -> dict:
    return {key: value for key, value in one.items() if key != "confidence"}


def test_weights_of_every_kind_are_parts_of_each_other():
    """A spatial file, and the transformers of what was made from it."""
    spotter = load_spotter(OLD / "spotter.safetensors")
    assert spotter.classes == ("Goal", "Foul", "Corner")
    spatial, trunk = load_trunk(OLD / "distilled.safetensors")
    alone = load_spatial(OLD / "spatial.safetensors")
    for part, whole in ((alone, spatial), (spatial, spotter.spatial), (trunk, spotter.temporal)):
        names = {name for name in part.state_dict() if name in whole.state_dict()}
        assert len(names) > 5
        for name in names:
            assert part.state_dict()[name].shape == whole.state_dict()[name].shape


@pytest.mark.parametrize("kind", ["spatial", "distilled", "spotter"])
def test_weights_start_a_step(run, tiny, tmp_path, kind):
    output = tmp_path / "weights.safetensors"
    words = ("--init", OLD / f"{kind}.safetensors", "--bank", OLD / "bank.h5", "-o", output)
    status, out, err = run(distill, tiny.frames, *words, *SHORT, "--epochs", 1)
    assert (status, err, len(out.splitlines())) == (0, "", 1)


def test_an_interrupted_run_goes_on(run, tiny, tmp_path):
    """The head's epoch is behind it; the four of everything follow."""
    output = tmp_path / "weights.safetensors"
    state = Path(shutil.copy(OLD / "finetune.resume", f"{output}.resume"))
    words = ("--init", OLD / "distilled.safetensors", "--labels", tiny.labels, "-o", output, "--resume")
    settings = ('classes=["Goal", "Foul", "Corner"]', "spot.ignored_seconds=1", "head.epochs=1")
    own = [word for setting in settings for word in ("--set", setting)]
    status, out, err = run(finetune, tiny.frames, *words, *own, *SHORT, "--epochs", 4)
    assert (status, err) == (0, "")
    stages = [(one["stage"], one["epoch"]) for one in spots_in(out)]
    assert stages == [("finetune", epoch) for epoch in (1, 2, 3, 4)]
    assert not state.exists()
