"""From networks to weights files and back."""

from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from comedian.errors import InputError
from comedian.formats.checkpoint import Checkpoint, Header, load_checkpoint, save_checkpoint
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import Spotter, build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.resolve import merge
from comedian.recipes.stages import SpotRecipe

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


def load_spotter(path: str | Path) -> Spotter:
    """A spotter in eval mode on the CPU, with `geometry`, `mean`, `std` and `spot` as it was trained."""
    checkpoint = load_checkpoint(path, expect="spotter")
    header = checkpoint.header
    spotter = Spotter(header.model, header.classes)
    spotter.geometry, spotter.mean, spotter.std = header.geometry, header.mean, header.std
    spotter.spot = merge(SpotRecipe(), header.recipe.get("spot", {}), str(path))
    return _filled(spotter, checkpoint.tensors, path)


def load_spatial(path: str | Path) -> SpatialEncoder:
    """The spatial transformer of any weights file of ours, in eval mode."""
    return _spatial(load_checkpoint(path), path)


def load_trunk(path: str | Path) -> tuple[SpatialEncoder, TemporalTransformer]:
    """Both transformers of a distilled or spotter file, in eval mode and without the head."""
    checkpoint = load_checkpoint(path, expect=("distilled", "spotter"))
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
