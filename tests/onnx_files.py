"""Exported spotters that somebody changed, and signed anew as their author could."""

from collections.abc import Callable
from pathlib import Path


def changed(path: Path, target: Path, change: Callable) -> Path:
    """A copy in which `change` changed the ModelProto."""
    import onnx

    from comedian.formats.exported import DIGEST, digest_of

    model = onnx.ModelProto.FromString(path.read_bytes())
    change(model)
    values = {entry.key: entry.value for entry in model.metadata_props if entry.key != DIGEST}
    onnx.helper.set_model_props(model, values)
    onnx.helper.set_model_props(model, values | {DIGEST: f'"{digest_of(model)}"'})
    target.write_bytes(model.SerializeToString(deterministic=True))
    return target
