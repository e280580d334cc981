"""Exported spotters in eight-bit integers: the linear layers of the spatial part, nearly all of the work.

Weights take seven bits, a scale for each column: with eight the sums of two products overflow 16 bits on
processors without VNNI (`reduce_range`, ONNX Runtime's page on quantization). The range of a layer's
input is taken from each batch, or fixed beforehand from frames. Attention, norms, GELU, the last layers of
all and the temporal part stay in float32.

Letters: N tubelets, h × w pixels.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from comedian.errors import InputError
from comedian.formats.exported import TUBELETS, Export, Exported, optional
from comedian.models.exported import ExportedSpotter
from comedian.weights.export import PACKAGES, largest_difference, random_windows, silence

LAYERS = ["MatMul"]  # of which one factor is a weight


def quantised(made: Exported, calibration: Iterable[Tensor] | None = None) -> Exported:
    """The same spotter in int8, and how far its probabilities are from float32's on windows of noise.

    Args:
        made: in float32.
        calibration: batches of normalised tubelets (N, 3, 2, h, w) that fix the inputs' ranges; None takes
            them from each batch.

    Raises:
        InputError: its spatial part has no linear layers, as a convolutional network.
    """
    _check(made)
    with tempfile.TemporaryDirectory(prefix="comedian-") as folder, silence():
        source, target = Path(folder, "source.onnx"), Path(folder, "target.onnx")
        source.write_bytes(made.spatial)
        _write(source, target, calibration, made.path)
        spatial = target.read_bytes()
    found = replace(made, spatial=spatial)
    spotters = ExportedSpotter(made), ExportedSpotter(found)
    difference = largest_difference(*spotters, random_windows(spotters[0]))
    return replace(found, export=Export("int8", difference, calibration is not None))


def _check(made: Exported) -> None:
    onnx: Any = optional("onnx", made.path, PACKAGES)
    graph = onnx.ModelProto.FromString(made.spatial).graph
    weights = {tensor.name for tensor in graph.initializer}
    if not any(node.op_type in LAYERS and node.input[1] in weights for node in graph.node):
        what = f"{made.header.model.backbone} has no linear layers, which int8 is for"
        raise InputError(what, made.path, "leave --int8 out: in float32 it is fast as it is")


def _write(source: Path, target: Path, calibration: Iterable[Tensor] | None, path: str | Path) -> None:
    quantization: Any = optional("onnxruntime.quantization", path, PACKAGES)
    common = {
        "op_types_to_quantize": LAYERS,
        "per_channel": True,
        "reduce_range": True,
        "weight_type": quantization.QuantType.QInt8,
        "extra_options": {"MatMulConstBOnly": True},
    }
    if calibration is None:
        quantization.quantize_dynamic(source, target, **common)
        return
    reader = _Reader(calibration)
    form = quantization.QuantFormat.QOperator  # faster than QDQ in ONNX Runtime on a CPU
    kind = quantization.QuantType.QUInt8  # of inputs: signed ones take ten times as long there
    quantization.quantize_static(source, target, reader, quant_format=form, activation_type=kind, **common)


class _Reader:
    """Batches of tubelets as ONNX Runtime's calibration asks for them."""

    def __init__(self, batches: Iterable[Tensor]):
        self._batches = iter(batches)

    def get_next(self) -> dict | None:
        """The next batch, or None."""
        batch = next(self._batches, None)
        return None if batch is None else {TUBELETS: batch.numpy()}
