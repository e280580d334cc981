"""Exported spotters that somebody changed, and signed anew as their author could."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def changed(path: Path, target: Path, change: Callable) -> Path:
    """A copy in which `change` changed the ModelProto."""
    import onnx

    model = onnx.ModelProto.FromString(path.read_bytes())
    change(model)
    target.write_bytes(signed(model))
    return target


def signed(model: Any) -> bytes:
    """A ModelProto as a file whose hash is right."""
    import onnx

    from comedian.formats.exported import DIGEST, digest_of

    values = {entry.key: entry.value for entry in model.metadata_props if entry.key != DIGEST}
    onnx.helper.set_model_props(model, values)
    onnx.helper.set_model_props(model, values | {DIGEST: f'"{digest_of(model)}"'})
    return model.SerializeToString(deterministic=True)
