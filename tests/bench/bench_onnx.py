"""spot with an exported spotter, in float32 and in int8, against the same spotter of torch's.

ViT-T's geometry with random weights, on a CPU: our pass over frames that are decoded already, and spot from
the video on. What int8 costs in a-mAP only a trained spotter can tell: `export-model --int8 --valid`.
"""

from pathlib import Path

import numpy as np
import torch
from _measure import BUILD, Row, interleaved, options, table
from _videos import video
from bench_spot import _exhaust, _frames, _spotter, _tubelets

from comedian.data.augment import to_input
from comedian.formats.checkpoint import Header
from comedian.formats.exported import Exported
from comedian.models.exported import ExportedSpotter
from comedian.models.spotter import Spotter
from comedian.spotting.sliding import score_stream
from comedian.spotting.sources import score_video
from comedian.weights.export import export
from comedian.weights.quantise import quantised

CPU = torch.device("cpu")
TARGETS = {"ONNX float32": ">= 1", "ONNX int8": ">= 1.5", "ONNX int8, calibrated": ">= 1"}


def main() -> None:
    """Time the pass, and all of spot, with each of the spotters in turn."""
    parser = options(__doc__)
    parser.add_argument("--recipe", default="vivit-tiny", help="of the network that is timed")
    flags = parser.parse_args()
    torch.manual_seed(0)
    seconds = 20 if flags.quick else 120
    path = video(BUILD / "videos", "h264", "224p", seconds)
    frames = _tubelets(path)
    spotters = _exports(_spotter("smoke" if flags.quick else flags.recipe).cpu(), frames)
    passes = {
        name: lambda one=one: _exhaust(score_stream(_frames(frames), [one], one.spot, CPU))
        for name, one in spotters.items()
    }
    whole = {name: lambda one=one: score_video(path, [one], CPU) for name, one in spotters.items()}
    _report(f"{seconds} s of 224p, frames at hand", interleaved(passes, flags.rounds))
    _report(f"{seconds} s of 224p, from the video", interleaved(whole, flags.rounds))


def _exports(spotter: Spotter, tubelets: torch.Tensor) -> dict[str, Spotter]:
    """The spotter, and its exports."""
    header = Header("spotter", spotter.recipe, spotter.trained_on, spotter.classes)
    made = export(spotter, header, Path("bench.onnx"))
    size, few = spotter.recipe.image_size, np.linspace(0, len(tubelets) - 1, 32).astype(int)
    batches = [to_input(tubelets[few], size, spotter.mean, spotter.std)]
    found: dict[str, Exported] = {
        "ONNX float32": made,
        "ONNX int8": quantised(made),
        "ONNX int8, calibrated": quantised(made, batches),
    }
    return {"torch": spotter} | {name: ExportedSpotter(one) for name, one in found.items()}


def _report(what: str, found: dict[str, list]) -> None:
    table(
        Row(f"{what}: {name} against torch", costs, found["torch"], TARGETS[name])
        for name, costs in found.items()
        if name != "torch"
    )


if __name__ == "__main__":
    main()
