"""From networks to weights files and back.

Weights are read from files of ours, from the authors' (`comedian.weights.authors`), and from either
by a name of the Hugging Face hub (`comedian.weights.hub`).
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from comedian.errors import InputError
from comedian.formats.checkpoint import (
    MAKER,
    Checkpoint,
    Header,
    is_ours,
    parsed_checkpoint,
    read_safetensors,
    save_checkpoint,
)
from comedian.formats.exported import is_exported, read_exported
from comedian.models.exported import ExportedSpotter
from comedian.models.meta import without_memory
from comedian.models.spatial import SpatialEncoder, build_spatial
from comedian.models.spotter import Spotter
from comedian.models.temporal import TemporalTransformer
from comedian.weights.authors import is_published, published_checkpoint
from comedian.weights.hub import fetch
from comedian.weights.tensors import check_finite, is_archive, read_tensors

Network = TypeVar("Network", bound=nn.Module)
RENAMED = {"temporal.head.": "heads.classes."}  # how older versions named tensors -> how they are named now


def save_spotter(
    path: str | Path, spotter: Spotter, recipe: dict | None = None, provenance: str = "{}"
) -> None:
    """Save a spotter, whose `geometry` must be set.

    Args:
        recipe: the resolved recipe it was trained with.
        provenance: JSON text of `comedian.formats.provenance`.
    """
    assert spotter.geometry is not None, "a spotter is saved with the geometry of its frames"
    header = Header(
        kind="spotter",
        model=spotter.recipe,
        geometry=spotter.geometry,
        classes=spotter.classes,
        mean=spotter.mean,
        std=spotter.std,
        recipe=recipe or {},
        provenance=provenance,
        offset_reach_seconds=spotter.offset_reach_seconds,
    )
    save_checkpoint(path, "spotter", spotter.state_dict(), header)


def load_weights(name: str | Path, expect: str | Collection[str] = tuple(MAKER)) -> Checkpoint:
    """Read a weights file once: ours, the authors', or either by its name on the hub.

    Args:
        expect: the kind, or kinds, that will do.

    Raises:
        InputError: the file is missing, damaged, neither's, of another kind, or holds what is no number;
            or it cannot be fetched.
    """
    path = fetch(name)
    checkpoint = _read(path).check_kind(expect)
    _check_depth(checkpoint)
    check_finite(checkpoint.tensors, path)
    return checkpoint


def _check_depth(checkpoint: Checkpoint) -> None:
    """Raise InputError if a network is deeper than its file: before its blocks are built, one by one."""
    model = checkpoint.header.model
    spatial = {"vivit": model.depth, "viswin": sum(model.swin_depths)}.get(model.backbone_kind, 0)
    temporal = 0 if checkpoint.kind == "spatial" else model.temporal_depth
    if (blocks := spatial + temporal) > len(checkpoint.tensors):
        what = f"its header tells of {blocks} blocks, it holds {len(checkpoint.tensors)} tensors"
        raise InputError(what, checkpoint.path, "make it again")


def _read(path: str) -> Checkpoint:
    """A local weights file, ours or the authors'."""
    if Path(path).is_file() and is_archive(path):
        return published_checkpoint(path, read_tensors(path))
    metadata, tensors = read_safetensors(path)
    if not is_ours(metadata) and is_published(tensors):
        return published_checkpoint(path, tensors)
    return replace(parsed_checkpoint(path, metadata, tensors), tensors=with_current_names(tensors))


def with_current_names(tensors: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a file of any version, by the names they have in this one.

    Args:
        prefix: that all names begin with.
    """
    return {current_name(name, prefix): tensor for name, tensor in tensors.items()}


def current_name(name: str, prefix: str = "") -> str:
    """The name of a tensor in this version, by that in a file of any."""
    for old, new in RENAMED.items():
        if name.startswith(prefix + old):
            return prefix + new + name.removeprefix(prefix + old)
    return name


def load_spotter(path: str | Path) -> Spotter:
    """A spotter in eval mode on the CPU, with `geometry`, `mean`, `std` and `spot` as it was trained.

    One of `export-model` is an `ExportedSpotter`, which ONNX Runtime computes.
    """
    if is_exported(path):
        return ExportedSpotter(read_exported(path))
    return spotter_of(load_weights(path, expect="spotter"))


def spotter_of(checkpoint: Checkpoint) -> Spotter:
    """The spotter of weights of that kind, as `load_spotter`."""
    header, path = checkpoint.header, checkpoint.path
    spotter = _built(
        lambda: Spotter(header.model, header.classes, header.offset_reach_seconds), checkpoint.tensors, path
    )
    spotter.geometry, spotter.mean, spotter.std = header.geometry, header.mean, header.std
    spotter.spot, spotter.jpeg_quality = header.spot, header.jpeg_quality
    return spotter


def load_spatial(path: str | Path) -> SpatialEncoder:
    """The spatial transformer of any weights file, in eval mode."""
    return spatial_of(load_weights(path))


def load_trunk(path: str | Path) -> tuple[SpatialEncoder, TemporalTransformer]:
    """Both transformers of a distilled or spotter file, in eval mode."""
    checkpoint = load_weights(path, expect=("distilled", "spotter"))
    return spatial_of(checkpoint), temporal_of(checkpoint)


def spatial_of(checkpoint: Checkpoint) -> SpatialEncoder:
    """The spatial transformer of weights of any kind, in eval mode."""
    return _part(lambda: build_spatial(checkpoint.header.model), "spatial.", checkpoint)


def temporal_of(checkpoint: Checkpoint) -> TemporalTransformer:
    """The temporal transformer of distilled weights or a spotter, in eval mode."""
    return _part(lambda: TemporalTransformer(checkpoint.header.model), "temporal.", checkpoint)


def _part(build: Callable[[], Network], prefix: str, checkpoint: Checkpoint) -> Network:
    """A part of a network, filled with the tensors whose names begin so."""
    found = checkpoint.tensors.items()
    tensors = {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}
    return _built(build, tensors, checkpoint.path)


def _built(build: Callable[[], Network], tensors: dict[str, Tensor], path: str | Path) -> Network:
    """A network with all of its weights and nothing else, in eval mode.

    It is built without memory first, and with it only if the file holds as much.
    """
    with without_memory():
        _fill(build(), {name: tensor.to("meta") for name, tensor in tensors.items()}, path)
    network = build()
    _fill(network, tensors, path)
    return network.eval()


def _fill(network: nn.Module, tensors: dict[str, Tensor], path: str | Path) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"its weights do not fit its own header: {reason}", path, "make it again"
        ) from None
