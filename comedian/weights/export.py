"""From a spotter to ONNX: torch exports its two parts, which are compared with it before they go out.

Letters: N tubelets, B windows, L tokens of a window, D width, C classes, h × w pixels.
"""

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.attention import SDPBackend, sdpa_kernel

from comedian.errors import InputError, cut_short
from comedian.formats.checkpoint import Header
from comedian.formats.exported import TOKENS, TUBELETS, WINDOW, Export, Exported, is_exported, optional
from comedian.formats.provenance import provenance
from comedian.models.exported import ExportedSpotter
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.weights.load import load_weights, spotter_of

OPSET = 20  # of ONNX; the first that has GELU as one operator
BOUND = 1e-4  # by which a probability may differ in float32
PACKAGES = "onnx onnxruntime onnxscript"
UPDATE = f"pip install -U torch {PACKAGES}"
ROUNDS = 2  # of random windows that are compared where no frames are given


def open_weights(weights: str | Path) -> tuple[Spotter, Header]:
    """The spotter of a weights file, and the header of what is made from it; raises as `load_spotter`."""
    if is_exported(weights):
        raise InputError("is exported already", weights, "give the weights it was made from")
    checkpoint = load_weights(weights, expect="spotter")
    return spotter_of(checkpoint), replace(checkpoint.header, provenance=provenance(parents=[weights]))


def export(spotter: Spotter, header: Header, path: str | Path) -> Exported:
    """A spotter in float32 as ONNX, whose probabilities are the spotter's up to `BOUND`.

    Args:
        spotter: in eval mode, on the CPU.
        header: of its weights.
        path: where it will be written, for errors.

    Raises:
        InputError: a package is missing, torch cannot export the network, or the numbers differ.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        optional(module, path, PACKAGES)
    size, length = spotter.recipe.image_size, spotter.recipe.num_tokens
    tubelets = torch.randn(2, 3, TUBELET_FRAMES, *size)
    window = torch.randn(2, length, spotter.recipe.embed_dim)
    lengths = {1: Dim("length", min=1, max=length)} if length > 1 else {}
    spatial = _exported(_Spatial(spotter), tubelets, {}, TUBELETS, [TOKENS], path)
    temporal = _exported(_Temporal(spotter), window, lengths, WINDOW, list(spotter.heads), path)
    made = Exported(path, header, Export(), spatial, temporal)
    difference = largest_difference(spotter, ExportedSpotter(made), random_windows(spotter))
    if not difference <= BOUND:
        what = f"its probabilities differ from the spotter's by up to {difference:.2g}, more than {BOUND:g}"
        raise InputError(what, path, UPDATE)
    return replace(made, export=Export("float32", difference))


def random_windows(spotter: Spotter) -> Iterator[Tensor]:
    """Windows of noise, normalised tubelets (L, 3, 2, h, w), from a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    shape = (spotter.recipe.num_tokens, 3, TUBELET_FRAMES, *spotter.recipe.image_size)
    for _ in range(ROUNDS):
        yield torch.randn(shape, generator=generator)


@torch.inference_mode()
def largest_difference(one: Spotter, other: Spotter, windows: Iterable[Tensor]) -> float:
    """The largest difference of a probability of two spotters, over windows of tubelets (L, 3, 2, h, w)."""
    found = [0.0]
    for tubelets in windows:
        both = [spotter.classify(spotter.spatial.encode(tubelets)[None]) for spotter in (one, other)]
        found.append(float((both[0].sigmoid() - both[1].sigmoid()).abs().max()))
    return max(found)


class _Spatial(nn.Module):
    def __init__(self, spotter: Spotter):
        super().__init__()
        self.spatial = spotter.spatial

    def forward(self, tubelets: Tensor) -> Tensor:
        return self.spatial.encode(tubelets)


class _Temporal(nn.Module):
    def __init__(self, spotter: Spotter):
        super().__init__()
        self.temporal, self.heads = spotter.temporal, spotter.heads

    def forward(self, window: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.heads(self.temporal(window)).values())


def _exported(
    network: nn.Module,
    example: Tensor,
    sizes: dict[int, Any],
    entry: str,
    outputs: list[str],
    path: str | Path,
) -> bytes:
    """A network of one input as a serialised ONNX model; the batch, and what `sizes` says, may be any."""
    names: dict[str, Any] = {"input_names": [entry], "output_names": outputs}
    with silence(), sdpa_kernel([SDPBackend.MATH]):  # a fused kernel's strides do not outlive the export
        try:
            shapes = ({0: Dim.DYNAMIC, **sizes},)
            program = torch.export.export(network.eval(), (example,), dynamic_shapes=shapes, strict=False)
            found = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names)
        except Exception as error:  # of each operator's own kind
            reason = cut_short(" ".join(str(error).split()))
            raise InputError(f"torch cannot export the network: {reason}", path, UPDATE) from error
    assert found is not None
    return found.model_proto.SerializeToString()


@contextmanager
def silence() -> Iterator[None]:
    """Without the remarks of exporters, which are for those who write networks."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
