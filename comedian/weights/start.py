"""Where a stage starts from and what it leaves: initial weights, the finished checkpoint."""

from dataclasses import asdict
from pathlib import Path

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.checkpoint import Header
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import build_spatial
from comedian.recipes.model import ModelRecipe
from comedian.weights.from_timm import is_timm, load_timm_spatial, timm_parts
from comedian.weights.hub import fetch
from comedian.weights.load import load_spatial, read_weights_header

TEMPORAL_FIELDS = ("num_tokens", "temporal_depth", "temporal_heads", "drop_path")


def is_weights(init: str | None) -> bool:
    """Whether `--init` names weights of a step, ours or the authors' (and not nothing, or a timm model)."""
    return init is not None and not is_timm(init)


def start_files(init: str | None) -> list[Path]:
    """The local files that a start is read from."""
    if is_weights(init):
        return [Path(fetch(init))]
    file = timm_parts(init)[1] if init else None
    return [file] if file else []


def start_spatial(init: str | None, model: ModelRecipe, halves: Halves) -> SpatialEncoder:
    """A spatial transformer: random, from `timm:NAME` or `timm:NAME@FILE`, or from weights of a step."""
    spatial = build_spatial(model)
    if is_weights(init):
        check_start(init, read_weights_header(init), model, halves, spatial_only=True)
        spatial.load_state_dict(load_spatial(init).state_dict())
    elif init is not None:
        load_timm_spatial(spatial, init)
    return spatial


def check_start(init: str, header: Header, model: ModelRecipe, halves: Halves, spatial_only: bool) -> None:
    """Raise InputError unless a start fits the recipe's network and the frames."""
    ignored = TEMPORAL_FIELDS if spatial_only else ("drop_path",)
    wanted, found = asdict(model), asdict(header.model)
    for key in wanted.keys() - set(ignored):
        if wanted[key] != found[key]:
            raise InputError(
                f"was trained with model.{key} = {found[key]}, the recipe says {wanted[key]}",
                init,
                "use the recipe it was trained with",
            )
    if header.geometry != halves.geometry:
        raise InputError(
            f"was trained on frames of {header.geometry}, these are {halves.geometry}",
            init,
            "extract the frames alike",
        )
