"""From networks to weights files and back.

Weights are read from files of ours, from the authors' (`comedian.weights.authors`), and from either
by a name of the Hugging Face hub (`comedian.weights.hub`).
"""

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from comedian.errors import InputError
from comedian.formats.checkpoint import (
    MAKER,
    Checkpoint,
    Header,
    check_kind,
    load_checkpoint,
    read_header,
    save_checkpoint,
)
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import Spotter, build_spatial, described_spotter
from comedian.models.temporal import TemporalTransformer
from comedian.weights.authors import is_published, read_published
from comedian.weights.hub import fetch

Network = TypeVar("Network", bound=nn.Module)


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
    )
    save_checkpoint(path, "spotter", spotter.state_dict(), header)


def load_weights(path: str | Path, expect: str | Collection[str] = tuple(MAKER)) -> Checkpoint:
    """Read a weights file: ours, the authors', or either by its name on the hub.

    Args:
        expect: the kind, or kinds, that will do.

    Raises:
        InputError: the file is missing, damaged, neither's, or of another kind; or it cannot be fetched.
    """
    path = fetch(path)
    if not is_published(path):
        return load_checkpoint(path, expect)
    checkpoint = read_published(path)
    check_kind(checkpoint.header, expect, path)
    return checkpoint


def read_weights_header(path: str | Path) -> Header:
    """What a weights file says about itself, the authors' by its shapes; raises as `load_weights`."""
    path = fetch(path)
    return read_published(path).header if is_published(path) else read_header(path)


def load_spotter(path: str | Path) -> Spotter:
    """A spotter in eval mode on the CPU, with `geometry`, `mean`, `std` and `spot` as it was trained."""
    checkpoint = load_weights(path, expect="spotter")
    return _filled(described_spotter(checkpoint.header, path), checkpoint.tensors, path)


def load_spatial(path: str | Path) -> SpatialEncoder:
    """The spatial transformer of any weights file, in eval mode."""
    return _spatial(load_weights(path), path)


def load_trunk(path: str | Path) -> tuple[SpatialEncoder, TemporalTransformer]:
    """Both transformers of a distilled or spotter file, in eval mode and without the head."""
    checkpoint = load_weights(path, expect=("distilled", "spotter"))
    temporal = TemporalTransformer(checkpoint.header.model)
    tensors = _under("temporal.", checkpoint.tensors)
    trunk = {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}
    return _spatial(checkpoint, path), _filled(temporal, trunk, path)


def _spatial(checkpoint: Checkpoint, path: str | Path) -> SpatialEncoder:
    spatial = build_spatial(checkpoint.header.model)
    return _filled(spatial, _under("spatial.", checkpoint.tensors), path)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _filled(network: Network, tensors: dict[str, Tensor], path: str | Path) -> Network:
    """Load all of a network's weights and nothing else; return it in eval mode."""
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"its weights do not fit its own header: {reason}", path, "make it again"
        ) from None
    return network.eval()
