"""Where a stage starts from and what it leaves: frames, initial weights, the finished checkpoint."""

from dataclasses import asdict, replace
from pathlib import Path

from torch import Tensor, nn

from comedian.clips import Halves
from comedian.errors import InputError
from comedian.formats.checkpoint import Header, load_checkpoint, save_checkpoint
from comedian.formats.provenance import provenance
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import build_spatial
from comedian.models.timm_start import load_timm_spatial
from comedian.recipes.model import ModelRecipe
from comedian.training import distributed

TEMPORAL_FIELDS = ("num_tokens", "temporal_depth", "temporal_heads", "drop_path")


def is_ours(init: str | None) -> bool:
    """Whether `--init` names a weights file of ours (and not nothing, or a timm model)."""
    return init is not None and not init.startswith("timm:")


def start_spatial(init: str | None, model: ModelRecipe, halves: Halves) -> SpatialEncoder:
    """A spatial transformer: random, from `timm:NAME`, or from a weights file of ours."""
    spatial = build_spatial(model)
    if init is None:
        return spatial
    if not is_ours(init):
        load_timm_spatial(spatial, init.removeprefix("timm:"))
        return spatial
    checkpoint = load_checkpoint(init)
    check_start(init, checkpoint.header, model, halves, spatial_only=True)
    load_part(spatial, checkpoint.tensors, "spatial.", init)
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


def load_part(module: nn.Module, tensors: dict[str, Tensor], prefix: str, file: str) -> None:
    """Load the tensors under a prefix into a module, all of them and nothing else."""
    part = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if not part:
        raise InputError(
            f"has no {prefix.rstrip('.')} weights", file, "start from an earlier step's output"
        )
    module.load_state_dict(part)


def finish(
    output: Path, kind: str, modules: dict[str, nn.Module | dict], recipe, halves: Halves, **header
) -> None:
    """Save a stage's result; rank 0 only.

    Args:
        modules: prefix ("spatial", "temporal", "projector") -> module or its state dict.
        header: `classes`, `preset` and `parents`.
    """
    if distributed.rank() != 0:
        return
    tensors = {}
    for prefix, module in modules.items():
        state = module.state_dict() if isinstance(module, nn.Module) else module
        tensors |= {f"{prefix}.{name}": value for name, value in state.items()}
    resolved = {"preset": header["preset"], **asdict(recipe)}
    save_checkpoint(
        output,
        kind,
        tensors,
        Header(
            kind=kind,
            model=replace(recipe.model),
            classes=tuple(header.get("classes", ())),
            geometry=halves.geometry,
            recipe=resolved,
            provenance=provenance(resolved, [path for path in header["parents"] if path]),
        ),
    )
