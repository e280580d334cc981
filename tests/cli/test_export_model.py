"""export-model as a command, and spot with what it wrote."""

import json
import re
import sys

import pytest

from cli.diff import main as diff
from cli.export_model import main
from cli.finetune import main as finetune
from cli.info import main as info
from cli.nms import main as nms
from cli.spot import main as spot
from comedian.formats.exported import read_exported

NO_SUCH = "x.safetensors"


def spots_of(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_spot_says_with_it_what_it_says_with_the_spotter(run, tiny, tiny_onnx, tmp_path):
    target = tmp_path / "Modell ä;.ONNX"
    status, out, err = run(main, tiny.spotter, "-o", target)
    assert (status, out) == (0, "")
    assert err.startswith("export-model: float32: probabilities of noise differ by up to ")
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


@pytest.fixture(scope="module")
def int8(tiny, tiny_onnx, tmp_path_factory) -> tuple:
    """A spotter in int8, and what was said while it was exported."""
    import subprocess

    path = tmp_path_factory.mktemp("int8") / "spotter.onnx"
    words = [tiny.spotter, "--int8", "--calibrate", tiny.half, "--valid", tiny.list]
    words += ["--root", tiny.frames, "--labels", tiny.labels, "-o", path]
    code = "from cli.export_model import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True
    )
    return path, done


def test_int8_tells_what_it_costs(int8, tiny):
    path, done = int8
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert [line.split()[:3] for line in said[:2]] == [
        ["export-model:", "float32:", "probabilities"],
        ["export-model:", "int8:", "probabilities"],
    ]
    found = re.fullmatch(
        r"export-model: on 4 halves probabilities differ by up to (\S+); "
        r"tight a-mAP of 2 games (\S+) -> (\S+), ([+-]\S+) points",
        said[2],
    )
    assert 0 < float(found[1]) < 0.2
    assert abs(float(found[3]) - float(found[2]) - float(found[4])) < 0.011
    assert said[3].startswith(f"export-model: {path} holds 0.")
    assert len(said) == 4


def test_the_score_told_is_that_of_the_pipe(int8, tiny, run, tmp_path):
    """What nms and evaluate give for both, from the same frames."""
    from comedian.api import evaluate, load_spotter
    from comedian.api import spot as spots_of_games

    path, done = int8
    scores = []
    for model in (tiny.spotter, path):
        spots = spots_of_games(tiny.list, load_spotter(model), root=tiny.frames, device="cpu")
        scores.append(100 * evaluate(spots, tiny.labels)["a_mAP_present_classes"])
    assert f"{scores[0]:.2f} -> {scores[1]:.2f}," in done.stderr


def test_int8_is_smaller_says_so_and_is_onnx_alone(int8, tiny_onnx):
    import onnx

    path, _ = int8
    read = read_exported(path)
    assert (read.export.precision, read.export.calibrated) == ("int8", True)
    assert 0 < read.export.largest_difference < 0.2
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    names = {node.op_type for node in model.graph.node}
    assert "QLinearMatMul" in names
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_ranges_of_each_batch_by_default(tiny, tiny_onnx, run, tmp_path):
    target = tmp_path / "a.onnx"
    status, _, err = run(main, tiny.spotter, "--int8", "-o", target, "-q")
    assert (status, err) == (0, "")
    read = read_exported(target)
    assert (read.export.precision, read.export.calibrated) == ("int8", False)
    assert b"DynamicQuantizeLinear" in read.spatial
    assert b"Quantize" not in read.temporal
    assert run(spot, tiny.half, "-m", target, "-q")[0] == 0


def test_options_that_have_no_effect_and_sources_that_will_not_do(tiny, tiny_onnx, run, tmp_path):
    target = tmp_path / "a.onnx"
    words = [tiny.spotter, "-o", target]
    status, _, err = run(main, *words, "--calibrate", tiny.half, "--labels", tiny.labels)
    assert status == 0
    assert "export-model: --calibrate has no effect without --int8\n" in err
    assert "export-model: --labels has no effect without --valid\n" in err
    scores = tmp_path / "scores.h5"
    assert run(spot, tiny.half, "-m", tiny.spotter, "--scores", scores, "-q")[0] == 0
    status, _, err = run(main, *words, "--valid", scores)
    assert (status, err) == (1, f"export-model: {scores}: holds saved scores; name videos or frames\n")
    status, _, err = run(main, *words, "--valid", tmp_path / "none.mkv")
    assert (status, err.count("\n")) == (1, 1)


def test_without_labels_the_difference_alone(tiny, tiny_onnx, run, tmp_path):
    video = tmp_path / "match.mkv"
    video.write_bytes(tiny.video.read_bytes())
    status, _, err = run(main, tiny.spotter, "--valid", video, "-o", tmp_path / "a.onnx")
    assert status == 0
    assert "on 1 half probabilities differ by up to " in err
    assert "no labels beside them, so that nobody knows the cost in a-mAP\n" in err


def test_info_and_nms_know_it(tiny_onnx, run):
    status, out, _ = run(info, tiny_onnx, "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["weights"], found["precision"], found["classes"]) == (
        "spotter",
        "float32",
        ["Goal", "Foul", "Corner"],
    )
    status, _, err = run(nms, "--precision", 0.8, "--model", tiny_onnx)
    assert (status, err.count("\n")) == (1, 1)
    assert "was trained without validation" in err


def test_diff_tells_how_two_differ(tiny_onnx, int8, run):
    assert run(diff, tiny_onnx, tiny_onnx) == (0, "", "")
    status, out, err = run(diff, tiny_onnx, int8[0])
    assert (status, err) == (1, "")
    assert "precision: float32 -> int8\n" in out
    assert "tensors only in " in out


def test_nobody_trains_from_it(tiny, tiny_onnx, run, tmp_path):
    words = [tiny.list, "--root", tiny.frames, "--labels", tiny.labels, "-o", tmp_path / "a.safetensors"]
    status, _, err = run(finetune, *words, "--init", tiny_onnx)
    assert (status, err.count("\n")) == (1, 1)
    assert f"{tiny_onnx}: is not a safetensors file" in err
