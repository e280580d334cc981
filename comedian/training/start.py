"""Where a stage starts from and what it leaves: initial weights, the finished checkpoint."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from torch import nn

from comedian import distributed
from comedian.clips import Halves
from comedian.errors import InputError
from comedian.formats.checkpoint import Header, save_checkpoint
from comedian.formats.provenance import provenance
from comedian.models.hub import fetch
from comedian.models.load import load_spatial, read_weights_header
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import build_spatial
from comedian.models.timm_start import is_timm, load_timm_spatial, timm_parts
from comedian.recipes.model import ModelRecipe
from comedian.training.loop import Run

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


def finish(
    run: Run,
    kind: str,
    modules: dict[str, nn.Module],
    recipe,
    halves: Halves,
    *,
    preset: str,
    init: str | None,
    parents: Sequence[Path] = (),
    classes: tuple[str, ...] = (),
) -> None:
    """Save a stage's result and remove its state for resuming; rank 0 only.

    Args:
        modules: prefix of the tensors' names ("spatial", "temporal", "projector") -> module.
        preset: the recipe that was named.
        init: what the stage started from.
        parents: further files it was made from.
    """
    if distributed.rank() != 0:
        return
    resolved = {"preset": preset, **asdict(recipe)}
    header = Header(
        kind=kind,
        model=recipe.model,
        classes=classes,
        geometry=halves.geometry,
        recipe=resolved,
        provenance=provenance(resolved, [*start_files(init), *parents]),
    )
    tensors = {
        f"{prefix}.{name}": value
        for prefix, module in modules.items()
        for name, value in module.state_dict().items()
    }
    save_checkpoint(run.output, kind, tensors, header)
    run.state_path.unlink(missing_ok=True)
