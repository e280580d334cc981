"""A spotter that ONNX Runtime computes says what torch's says."""

import pytest
import torch

from comedian.formats.checkpoint import Header
from comedian.formats.exported import read_exported, write_exported
from comedian.formats.frames import Geometry
from comedian.models.exported import ExportedSpotter
from comedian.models.spotter import Spotter
from comedian.recipes.resolve import resolve
from comedian.weights.load import load_spotter
from tests.conftest import MODEL_SETTINGS

CLASSES = ("Goal", "Foul")
SMALL = tuple(MODEL_SETTINGS)
for package in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(package)


def exported(path, preset, settings=(), reach=0.0):
    """A spotter of random weights, and what its export reads as."""
    from comedian.weights.export import export

    recipe = resolve("finetune", preset, [f"model.{setting}" for setting in settings]).model
    torch.manual_seed(0)
    spotter = Spotter(recipe, CLASSES, reach).eval()
    torch.nn.init.normal_(spotter.heads.classes.weight)
    geometry = Geometry(2.0, 64, 36, "screen")
    header = Header("spotter", recipe, geometry, CLASSES, offset_reach_seconds=reach)
    write_exported(path, export(spotter, header, path))
    return spotter, load_spotter(path)


@pytest.mark.parametrize(
    ("preset", "settings", "reach"),
    [
        ("vivit-tiny", SMALL, 2.0),
        ("vivit-tiny", (*SMALL, "num_tokens=1"), 0.0),
        pytest.param("viswin-tiny", ("swin_depths=[1,1,1,1]", "num_tokens=3"), 0.0, marks=pytest.mark.slow),
    ],
    ids=["vivit with offsets", "windows of one token", "viswin"],
)
@torch.inference_mode()
def test_any_batch_any_length_every_output(preset, settings, reach, tmp_path):
    ours, theirs = exported(tmp_path / "model.onnx", preset, settings, reach)
    assert theirs.offset_reach_seconds == reach
    recipe = ours.recipe
    for number in (1, 3):
        tubelets = torch.randn(number, 3, 2, *recipe.image_size)
        torch.testing.assert_close(
            theirs.spatial.encode(tubelets), ours.spatial.encode(tubelets), atol=1e-5, rtol=1e-4
        )
    for number, length in ((1, 1), (1, recipe.num_tokens), (2, recipe.num_tokens)):
        window = torch.randn(number, length, recipe.embed_dim)
        torch.testing.assert_close(theirs.read(window), dict(ours.read(window)), atol=1e-4, rtol=1e-4)


def test_what_the_runtime_refuses_is_one_line(tiny_onnx):
    from comedian.errors import InputError

    spotter = load_spotter(tiny_onnx)
    assert isinstance(spotter, ExportedSpotter)
    with pytest.raises(
        InputError, match=r"ONNX Runtime cannot run it: .*; make it again with export-model"
    ):
        spotter.read(torch.zeros(1, 5, 12))  # longer than its windows
    assert read_exported(tiny_onnx).export.precision == "float32"
