"""The front door gives what the pipe gives, and costs nothing before it is used."""

import json
import subprocess
import sys

import pytest

import comedian
from cli.evaluate import main as evaluate
from cli.nms import main as nms
from cli.spot import main as spot
from comedian.errors import InputError

KEYS = ["video", "half", "position_ms", "label", "confidence"]


@pytest.fixture
def piped(run, tiny, tmp_path):
    """piped(*sources) -> spots and score of `spot | nms --soft | evaluate`."""

    def call(*sources):
        files = [tmp_path / name for name in ("spots.jsonl", "kept.jsonl", "scores.json")]
        assert run(spot, *sources, "-m", tiny.spotter, "--device", "cpu", "-q", "-o", files[0])[0] == 0
        assert run(nms, "--soft", files[0], "-o", files[1])[0] == 0
        assert run(evaluate, files[1], "--labels", tiny.labels, "-o", files[2])[0] == 0
        spots = [json.loads(line) for line in files[1].read_text().splitlines()]
        return spots, json.loads(files[2].read_text())

    return call


@pytest.mark.parametrize("source", ["video", "videos", "half"])
def test_three_calls_equal_the_pipe_to_the_bit(piped, tiny, source):
    path = getattr(tiny, source)
    spotter = comedian.load_spotter(tiny.spotter)
    spots = comedian.spot(path, spotter, device="cpu")
    expected, scores = piped(path)
    assert spots == expected
    assert [list(one) for one in spots] == [KEYS] * len(spots)
    result = comedian.evaluate(spots, labels=tiny.labels)
    assert result.pop("warnings") == scores["warnings"]
    assert result == scores["metrics"]["tight"] | {
        "n_games": scores["n_games"],
        "classes": scores["classes"],
    }
    assert result["a_mAP"] > 0


def test_saved_scores_and_ensembles(run, tiny, tmp_path):
    both = [comedian.load_spotter(path) for path in (tiny.spotter, tiny.other_spotter)]
    saved = tmp_path / "scores.h5"
    words = ("-m", tiny.spotter, "-m", tiny.other_spotter, "--scores", saved, "--device", "cpu", "-q")
    status, out, _ = run(spot, tiny.half, *words)
    everything = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert comedian.spot([tiny.half], both, nms=None, device="cpu") == everything
    assert comedian.spot(saved, both, nms=None) == everything


def test_what_is_wrong_is_an_input_error(tiny, tmp_path):
    spotter = comedian.load_spotter(str(tiny.spotter))
    with pytest.raises(InputError, match=r"none.mkv: no such file or folder"):
        comedian.spot(tmp_path / "none.mkv", spotter)
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        comedian.spot(tiny.half, spotter, device="tpu")
    with pytest.raises(InputError, match="is a spatial checkpoint, but a spotter is needed"):
        comedian.load_spotter(tiny.spatial)


def test_progress_is_reported(tiny):
    seen = []
    spotter = comedian.load_spotter(tiny.spotter)
    comedian.spot(tiny.frames, spotter, report=lambda *moved: seen.append(moved), device="cpu")
    assert {task for task, _, _ in seen} == {
        f"{number}/4 {number % 2 or 2}_224p.h5" for number in range(1, 5)
    }
    assert seen[-1][1:] == (1.0, 1.0)


def test_importing_it_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import comedian; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if "editable" not in name} == {"comedian"}
    assert set(comedian.__all__) <= set(dir(comedian))
    with pytest.raises(AttributeError, match="no attribute 'spots'"):
        _ = comedian.spots
