"""Exported spotters: ONNX files of one graph with two parts, whose metadata is our header.

The spatial part makes `tokens` of `tubelets`, the temporal part makes `classes`, and what else a spotter
says, of a `window` of tokens. No node belongs to both, so that any runtime can run either. All metadata is
JSON, as in weights files; `export` beside it says how the file was made, `sha256` is that of all the rest.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.formats.checkpoint import Header, metadata_of, parsed_header, read_header
from comedian.formats.exported_graph import TOKENS, TUBELETS, WINDOW, check_graph, joined, part_of
from comedian.recipes.ranges import Fraction
from comedian.recipes.schema import mapping, table

SUFFIX = ".onnx"
AGAIN = "make it again with export-model"
EXPORT, DIGEST = "export", "sha256"  # entries of the metadata beside the header's
START = b"\x08"  # of a ModelProto: the tag of its first field, the version
MOST_BYTES = (1 << 31) - 1  # of a protobuf message (its specification)


@dataclass(frozen=True)
class Export:
    """How a spotter was exported.

    Attributes:
        precision: "int8" has linear layers of the spatial part whose weights and inputs are integers.
        largest_difference: of a probability from the spotter's own, on windows of noise.
        calibrated: whether the range of those layers' inputs was fixed beforehand, from frames.
    """

    precision: Literal["float32", "int8"] = "float32"
    largest_difference: Fraction = 0.0
    calibrated: bool = False

    def __str__(self) -> str:
        return f"probabilities of noise differ by up to {self.largest_difference:.1e}"


@dataclass(frozen=True)
class Exported:
    """An exported spotter: its header, how it was made, and ONNX models of its two parts, serialised.

    Attributes:
        path: what the user calls it.
    """

    path: str | Path
    header: Header
    export: Export
    spatial: bytes
    temporal: bytes


def is_exported(path: str | Path) -> bool:
    """Whether a name is that of an ONNX file."""
    return Path(path).suffix.lower() == SUFFIX


def check_name(path: str | Path) -> None:
    """Raise InputError unless an exported spotter can be named so: readers go by the ending."""
    if not is_exported(path):
        raise InputError(f"does not end in {SUFFIX}", path, f"name it {Path(path).stem}{SUFFIX}")


def optional(module: str, file: str | Path, packages: str = "onnx onnxruntime") -> Any:
    """A module that ONNX needs; InputError that says what to install where it is missing."""
    try:
        return import_module(module)
    except ImportError:
        what = f"ONNX needs {module.partition('.')[0]}, which is not installed"
        raise InputError(what, file, f"pip install {packages}") from None


def write_exported(path: str | Path, exported: Exported) -> None:
    """Write an exported spotter, whole or not at all."""
    onnx = optional("onnx", path)
    parts = [onnx.ModelProto.FromString(part) for part in (exported.spatial, exported.temporal)]
    model = joined(parts, exported.header.model)
    entries = metadata_of(exported.header) | {EXPORT: json.dumps(asdict(exported.export))}
    onnx.helper.set_model_props(model, entries)
    onnx.helper.set_model_props(model, entries | {DIGEST: json.dumps(digest_of(model))})
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def read_exported(path: str | Path) -> Exported:
    """Read an exported spotter.

    Raises:
        InputError: there is no such file, it is damaged, changed since it was made, not ours, too new, or
            does not fit its own header; or onnx is not installed.
    """
    model = _model(path)
    header, export = _header(model, path)
    check_graph(model, header, path, AGAIN)
    outputs = [entry.name for entry in model.graph.output if entry.name != TOKENS]
    spatial, temporal = part_of(model, TUBELETS, [TOKENS]), part_of(model, WINDOW, outputs)
    return Exported(path, header, export, spatial.SerializeToString(), temporal.SerializeToString())


def read_exported_header(path: str | Path) -> tuple[Header, Export]:
    """What an exported spotter says of itself; raises as `read_exported`."""
    return _header(_model(path), path)


def read_exported_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """An exported spotter's weights by name, `spatial.…` or `temporal.…`; raises as `read_exported`."""
    read_exported(path)
    onnx = optional("onnx", path)
    tensors = _model(path).graph.initializer
    return {one.name.replace("/", "."): onnx.numpy_helper.to_array(one) for one in tensors}


def header_of(path: str | Path) -> Header:
    """What a weights file or an exported spotter says of itself."""
    return read_exported_header(path)[0] if is_exported(path) else read_header(path)


def digest_of(model: Any) -> str:
    """SHA-256 of all that a file holds but its own entry."""
    bare = type(model)()
    bare.CopyFrom(model)
    del bare.metadata_props[:]
    bare.metadata_props.extend(entry for entry in model.metadata_props if entry.key != DIGEST)
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def _model(path: str | Path) -> Any:
    """The file's ModelProto, without data from elsewhere."""
    if not Path(path).is_file():
        raise InputError("no such weights file", path, "check the path")
    onnx = optional("onnx", path)
    if Path(path).stat().st_size > MOST_BYTES or not _starts_right(path):
        raise InputError("is not an ONNX file", path, "give a spotter of finetune or export-model")
    try:
        return onnx.ModelProto.FromString(Path(path).read_bytes())
    except Exception:  # protobuf's implementations have errors of their own
        raise InputError("is damaged or no ONNX file", path, f"copy it again, or {AGAIN}") from None


def _starts_right(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(1) == START


def _header(model: Any, path: str | Path) -> tuple[Header, Export]:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    told = {name: metadata.pop(name, "") for name in (EXPORT, DIGEST)}
    if not all(told.values()):
        what = "is an ONNX model, but not of a spotter of ours"
        raise InputError(what, path, "make one with export-model")
    if told[DIGEST] != json.dumps(digest_of(model)):
        what = "is damaged, or was changed since it was exported"
        raise InputError(what, path, f"copy it again, or {AGAIN}")
    header = parsed_header(path, metadata)
    if header.kind != "spotter":
        raise InputError(f"holds a {header.kind} network, no spotter", path, AGAIN)
    try:
        values = mapping(EXPORT, json.loads(told[EXPORT]), path, AGAIN)
    except (RecursionError, ValueError) as error:
        raise InputError(f"its header is damaged: {error}", path, AGAIN) from None
    return header, table(values, Export, path, AGAIN)
