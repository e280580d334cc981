"""What is exported in integers, and what cannot be."""

import pytest
import torch

from comedian.errors import InputError
from comedian.formats.checkpoint import Header
from comedian.formats.frames import Geometry
from comedian.models.spotter import Spotter
from comedian.recipes.resolve import resolve
from comedian.weights import export as exporting
from comedian.weights.export import export
from comedian.weights.quantise import quantised

for package in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(package)

CLASSES = ("Goal", "Foul")
SETTINGS = (
    'model.backbone="timm:test_efficientnet"', "model.embed_dim=32", "model.num_tokens=2",
    "model.temporal_depth=1", "model.temporal_heads=1", "model.image_height=64", "model.image_width=64",
)  # fmt: skip


def spotter_of(settings) -> tuple[Spotter, Header]:
    recipe = resolve("finetune", "vivit-tiny", settings).model
    torch.manual_seed(0)
    spotter, geometry = Spotter(recipe, CLASSES).eval(), Geometry(2.0, 64, 36, "screen")
    return spotter, Header("spotter", recipe, geometry, CLASSES)


def test_a_convolutional_network_is_exported_but_not_in_integers():
    spotter, header = spotter_of(SETTINGS)
    made = export(spotter, header, "model.onnx")
    assert made.export.largest_difference < 1e-4
    with pytest.raises(InputError, match=r"model.onnx: timm:test_efficientnet has no linear layers"):
        quantised(made)


def test_numbers_that_differ_are_refused(tiny, monkeypatch):
    """A runtime that computes something else is noticed before a file is written."""

    class Wrong(exporting.ExportedSpotter):
        def read(self, tokens, mask=None):
            return {name: value + 0.01 for name, value in super().read(tokens, mask).items()}

    monkeypatch.setattr(exporting, "ExportedSpotter", Wrong)
    with pytest.raises(InputError, match=r"differ from the spotter's by up to 0.00.*, more than 0.0001"):
        export(*exporting.open_weights(tiny.spotter), "model.onnx")


def test_what_torch_cannot_export_is_one_line(tiny, monkeypatch):
    spotter, header = exporting.open_weights(tiny.spotter)

    def encode(tubelets):
        return tubelets.flatten(1)[:, :12] * float(tubelets.sum())

    monkeypatch.setattr(spotter.spatial, "encode", encode)
    with pytest.raises(InputError, match=r"torch cannot export the network: .*; pip install -U torch onnx"):
        export(spotter, header, "model.onnx")
