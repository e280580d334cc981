"""Weights of timm's image models, for timm's own networks and for ours.

Letters: D width, p patch size.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from comedian.errors import InputError
from comedian.models.spatial import SpatialEncoder, build_spatial
from comedian.models.timm import check_name, create_model, image_options
from comedian.recipes.model import TUBELET_FRAMES, ModelRecipe
from comedian.weights.efficientnet import by_timms_names, is_of_efficientnet_pytorch
from comedian.weights.tensors import check_finite, check_names, read_tensors, weights_only

PREFIX = "timm:"
WEIGHTS_SUFFIXES = frozenset({".safetensors", ".pth", ".pt", ".bin"})
BUFFERS = ("relative_position_index", "attn_mask")  # timm keeps them with the weights, ours computes them
SHOWN_REASON = 300  # characters of another library's error
FIT = "use a timm model of the recipe's width, depth and patch size"


def is_timm(text: str) -> bool:
    """Whether a start or a teacher is spelled `timm:…`."""
    return text.startswith(PREFIX)


def timm_parts(text: str) -> tuple[str, Path | None]:
    """The model's name and the local file of `timm:NAME` or `timm:NAME@FILE`; of `timm:FILE` no name."""
    name, _, file = text.removeprefix(PREFIX).partition("@")
    if not file and Path(name).suffix in WEIGHTS_SUFFIXES:
        name, file = "", name
    return name, Path(file) if file else None


def timm_model(name: str, file: Path | None = None, **options: Any) -> nn.Module:
    """A timm model without its classifier, with the weights of `file`, or its own (downloaded).

    Args:
        name: one of timm's own, or `hf-hub:OWNER/REPO`.
        options: as `timm.create_model` takes them.

    Raises:
        InputError: no such model or file, the file's tensors are not the model's, or its weights cannot be
            had.
    """
    if not name:
        raise InputError("whose weights it holds is not said", file, "write timm:NAME@FILE")
    check_name(name, hub=True)
    tensors = None if file is None else _finite(file)
    try:
        options = {"num_classes": 0, **options}
        if tensors is None:
            with weights_only():
                return create_model(name, pretrained=True, **options)
        empty = create_model(name, pretrained=False, **options)
        if is_of_efficientnet_pytorch(tensors):
            tensors = by_timms_names(tensors, empty)
        own = _without_classifier(empty, tensors)
        # all that is left must fit: timm would let names pass where the number of classes differs
        overlay = {"state_dict": own, "num_classes": 0}
        return create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    except Exception as error:  # of many libraries: the hub's, HTTP, sockets, torch's, timm's own
        reason = " ".join((str(error) or type(error).__name__).split())
        raise InputError(
            f"cannot get the weights of timm's {name!r}: {reason[:SHOWN_REASON]}",
            file,
            "check the name, the file and the network; a file is given as timm:NAME@FILE",
        ) from error


def spatial_from_timm(recipe: ModelRecipe, text: str) -> SpatialEncoder:
    """A spatial transformer with an image model's weights; a still clip then gives the image's feature.

    timm's own loading spreads the patch embedding over both frames and fits position tables to the grid.

    Args:
        text: `timm:NAME`, whose weights are downloaded, or `timm:NAME@FILE`; for a backbone of timm's the
            NAME may be left out before a file.

    Raises:
        InputError: no such model or file, it cannot be downloaded, or its parameters do not fit.
    """
    spatial = build_spatial(recipe)
    name, file = timm_parts(text)
    options = image_options(recipe)
    if recipe.timm_name:
        if name not in ("", recipe.timm_name):
            what = f"is {name}, the recipe's backbone is {recipe.backbone}"
            raise InputError(what, text, f"write timm:{recipe.timm_name}")
        image = timm_model(recipe.timm_name, file, **options)
        spatial.get_submodule("image").load_state_dict(image.state_dict())
        return spatial
    if recipe.backbone == "viswin":
        options["window_size"] = recipe.swin_window
    found = _as_ours(timm_model(name, file, **options).state_dict())
    wanted = spatial.state_dict()
    check_names(wanted, found, text, FIT)
    for key, value in found.items():
        if value.shape != wanted[key].shape:
            what = f"its {key} is {tuple(value.shape)}, the recipe wants {tuple(wanted[key].shape)}"
            raise InputError(what, text, FIT)
    spatial.load_state_dict(found)
    return spatial


def _finite(file: Path) -> dict[str, Tensor]:
    tensors = read_tensors(file)
    check_finite(tensors, file)
    return tensors


def _as_ours(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a ViT or Swin of timm, of six channels, as our networks name and shape them."""
    found = {name: value for name, value in state.items() if not name.endswith(BUFFERS)}
    if (weight := found.get("patch_embed.proj.weight")) is not None:  # (D, 6, p, p)
        found["patch_embed.proj.weight"] = weight.unflatten(1, (TUBELET_FRAMES, -1)).transpose(1, 2)
    return found  # (D, 3, 2, p, p)


def _without_classifier(model: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a file, without the classifier that it may hold."""
    heads = model.pretrained_cfg.get("classifier") or ()
    prefixes = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    return {key: value for key, value in tensors.items() if not key.startswith(prefixes)}
