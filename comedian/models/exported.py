"""A spotter that ONNX Runtime computes, on the CPU, in the place of one of torch's.

Letters: N tubelets, B windows, L tokens of a window, D width, C classes, h × w pixels.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from comedian.errors import InputError, cut_short
from comedian.formats.exported import AGAIN, TOKENS, TUBELETS, WINDOW, Exported, optional
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe

SILENT = 4  # of its levels of logging: what goes wrong is raised as well


class ExportedSpotter(Spotter):
    """A spotter whose two parts are ONNX models; it has no parameters and is for inference alone."""

    def __init__(self, exported: Exported):
        """InputError where ONNX Runtime is missing, or does not take a part."""
        nn.Module.__init__(self)  # not Spotter's: there are no networks to build
        header, path = exported.header, exported.path
        self.recipe, self.classes = header.model, header.classes
        self.offset_reach_seconds = header.offset_reach_seconds
        self.geometry, self.mean, self.std = header.geometry, header.mean, header.std
        self.spot, self.jpeg_quality = header.spot, header.jpeg_quality
        self.spatial = _Spatial(header.model, _Part(exported.spatial, path))
        self._temporal = _Part(exported.temporal, path)
        self.eval()

    def read(self, tokens: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """What the heads say of spatial tokens (B, L, D) of windows, by name, (B, L, C) each."""
        assert mask is None, "tokens are masked in training alone"
        return self._temporal(WINDOW, tokens)


class _Spatial(SpatialEncoder):
    def __init__(self, recipe: ModelRecipe, part: "_Part"):
        super().__init__(recipe)
        self.part = part

    def encode(self, tubelets: Tensor) -> Tensor:
        """Tubelets (N, 3, 2, h, w), normalised, to tokens (N, D)."""
        return self.part(TUBELETS, tubelets)[TOKENS]


class _Part:
    """An ONNX model in ONNX Runtime, one thread a call, as many calls at once as one likes."""

    def __init__(self, model: bytes, path: str | Path):
        runtime: Any = optional("onnxruntime", path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = SILENT
        self.path = path
        try:
            self.session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's have no class in common
            raise _refused(error, path) from None
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, name: str, values: Tensor) -> dict[str, Tensor]:
        """Outputs by name, from the one input."""
        try:
            found = self.session.run(self.outputs, {name: values.float().cpu().numpy()})
        except Exception as error:
            raise _refused(error, self.path) from None
        return dict(zip(self.outputs, map(torch.from_numpy, found), strict=True))


def _refused(error: Exception, path: str | Path) -> Exception:
    reason = cut_short(" ".join(str(error).split()))
    if "alloc" in reason:
        return MemoryError(reason)
    return InputError(f"ONNX Runtime cannot run it: {reason}", path, AGAIN)
