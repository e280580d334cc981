"""What weights say of themselves, and states of interrupted training."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from comedian.about.made import made
from comedian.formats.checkpoint import Header, is_ours, read_header, read_safetensors, read_shapes
from comedian.formats.exported import is_exported, read_exported_header
from comedian.training.state import read_place
from comedian.weights.authors import is_published, published_checkpoint
from comedian.weights.load import current_name
from comedian.weights.tensors import is_archive, is_safetensors, read_tensors

OTHERS = "weights of others; an image model is named timm:NAME@FILE"


def weights(path: Path) -> dict[str, Any]:
    """Weights: ours by their header, the authors' by names and shapes, others by their sizes."""
    if is_exported(path):
        header, export = read_exported_header(path)
        return {"origin": "export-model", **asdict(export)} | _told(header)
    if is_safetensors(path):
        shapes = read_shapes(path)
        if is_ours(read_safetensors(path, tensors=False)[0]):
            return _told(read_header(path)) | _sizes(shapes)
    if is_archive(path) or is_safetensors(path):
        tensors = read_tensors(path)  # an archive is mapped into memory, not read
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if is_published(tensors):
            told = _told(published_checkpoint(path, tensors).header)
            return {"origin": "the authors"} | told | _sizes(shapes)
        return {"origin": OTHERS} | _sizes(shapes)
    return _told(read_header(path))  # which says what is wrong


def state(path: Path) -> dict[str, Any]:
    """A state to resume from: where its run stands."""
    return read_place(path)


def _told(header: Header) -> dict[str, Any]:
    model = header.model
    return {
        "weights": header.kind,
        "backbone": model.backbone,
        "preset": header.recipe.get("preset", ""),
        "width": model.embed_dim,
        "spatial_blocks": list(model.swin_depths) if model.backbone == "viswin" else model.depth,
        "temporal_blocks": model.temporal_depth,
        "image": f"{model.image_width}x{model.image_height}",
        "window_tokens": model.num_tokens,
        "frames": str(header.geometry),
        "classes": list(header.classes),
        "validated": {name: _best(points) for name, points in header.curves.items() if points},
        "curves": header.curves,
        "recipe": header.recipe,
        "model": asdict(model),
        **made(header.provenance),
    }


def _best(points: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    """The point of a curve of the largest F1, the harmonic mean of precision and recall."""
    best = max(points, key=lambda point: 2 * point[1] * point[2] / max(point[1] + point[2], 1e-9))
    return dict(zip(("confidence", "precision", "recall"), best, strict=True))


def _sizes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """How many numbers each part of the network has."""
    counts: Counter = Counter()
    for name, shape in shapes.items():
        counts[current_name(name).split(".")[0]] += math.prod(shape)
    return {"parameters": counts.total(), "parts": dict(counts)}
