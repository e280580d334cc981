"""export-model as a command, and spot with what it wrote."""

import json
import sys

import pytest

from cli.export_model import main
from cli.spot import main as spot

NO_SUCH = "x.safetensors"


def spots_of(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_spot_says_with_it_what_it_says_with_the_spotter(run, tiny, tiny_onnx, tmp_path):
    target = tmp_path / "Modell ä;.ONNX"
    status, out, err = run(main, tiny.spotter, "-o", target)
    assert (status, out) == (0, "")
    assert err.startswith("export-model: float32, probabilities as the spotter's up to ")
    assert target.read_bytes()[-200:] != b""
    words = [tiny.half, "--threshold", 0, "--device", "cpu", "-q"]
    wanted, found = [spots_of(run(spot, *words, "-m", model)[1]) for model in (tiny.spotter, target)]
    assert len(found) == len(wanted) == 90
    for one, other in zip(found, wanted, strict=True):
        assert abs(one.pop("confidence") - other.pop("confidence")) <= 1e-4
        assert one == other


def test_with_videos_ensembles_and_scores_files(run, tiny, tiny_onnx, tmp_path):
    """What spot does with other spotters, it does with this one."""
    scores = tmp_path / "scores.h5"
    models = ["-m", tiny_onnx, "-m", tiny.other_spotter]
    assert run(spot, tiny.video, *models, "--scores", scores, "-o", tmp_path / "a.jsonl", "-q")[0] == 0
    assert run(spot, scores, "-q")[1] == (tmp_path / "a.jsonl").read_text()
    one, other = [
        spots_of(run(spot, tiny.video, "-m", model, "-q")[1]) for model in (tiny_onnx, tiny.other_spotter)
    ]
    both = spots_of((tmp_path / "a.jsonl").read_text())
    for first, second, mean in zip(one, other, both, strict=True):
        assert abs((first["confidence"] + second["confidence"]) / 2 - mean["confidence"]) < 2e-6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no output was given; name a file with -o: model.onnx"),
        (["-o", "model.bin"], "model.bin: does not end in .onnx; name it model.onnx"),
        (["-o", "-"], "-: a model cannot go through a pipe; name a file"),
    ],
)
def test_an_output_is_named_as_spot_knows_it(words, said, run, tiny):
    assert run(main, tiny.spotter, *words) == (1, "", f"export-model: {said}\n")


def test_what_cannot_be_exported_is_one_line(run, tiny, tiny_onnx, tmp_path):
    for source, said in (
        (NO_SUCH, "no such weights file"),
        (tiny.distilled, "is a distilled checkpoint, but a spotter is needed"),
        (tiny_onnx, "is exported already"),
        (tiny.half, "is not a safetensors file"),
    ):
        status, out, err = run(main, source, "-o", tmp_path / "model.onnx")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert said in err
        assert "; " in err
    assert list(tmp_path.iterdir()) == []


def test_without_onnx_runtime_it_says_what_to_install(run, tiny, tiny_onnx, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    status, _, err = run(spot, tiny.half, "-m", tiny_onnx)
    assert (status, err.count("\n")) == (1, 1)
    assert err.endswith("ONNX needs onnxruntime, which is not installed; pip install onnx onnxruntime\n")
    status, _, err = run(main, tiny.spotter, "-o", tmp_path / "a.onnx")
    assert (status, err.count("\n")) == (1, 1)
    assert err.endswith("not installed; pip install onnx onnxruntime onnxscript\n")


def test_an_output_that_is_the_input_is_refused(run, tiny, tmp_path):
    link = tmp_path / "same.onnx"
    link.hardlink_to(tiny.spotter)
    status, _, err = run(main, tiny.spotter, "-o", link)
    assert (status, err) == (1, f"export-model: {link}: is also an input; write somewhere else\n")
