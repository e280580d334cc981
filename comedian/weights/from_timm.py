"""Start a spatial transformer from an image model of timm (ViT for ViViT, Swin for ViSwin).

Letters: D width, p patch size, P patches, w window edge, h heads.
"""

import math
from pathlib import Path

import timm
import torch.nn.functional as F
from timm.layers import resample_abs_pos_embed
from timm.models import load_state_dict
from torch import Tensor, nn

from comedian.errors import InputError
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.model import TUBELET_FRAMES
from comedian.weights.tensors import read_tensors

PREFIX = "timm:"
WEIGHTS_SUFFIXES = frozenset({".safetensors", ".pth", ".pt", ".bin"})
DROPPED = ("head.", "head_dist.", "pre_logits.")  # image classifiers
BUFFERS = ("relative_position_index", "attn_mask")  # old files hold them; ours computes them
SHOWN = 4  # parameters that an error names
SHOWN_REASON = 300  # characters of another library's error


def is_timm(text: str) -> bool:
    """Whether a start or a teacher is spelled `timm:…`."""
    return text.startswith(PREFIX)


def timm_parts(text: str) -> tuple[str, Path | None]:
    """The model's name and the local file of `timm:NAME` or `timm:NAME@FILE`; of `timm:FILE` no name."""
    name, _, file = text.removeprefix(PREFIX).partition("@")
    if not file and Path(name).suffix in WEIGHTS_SUFFIXES:
        name, file = "", name
    return name, Path(file) if file else None


def timm_model(name: str, file: Path | None = None) -> nn.Module:
    """A timm model without its classifier, with the weights of `file`, or its own (downloaded).

    Raises:
        InputError: no such model or file, or its weights cannot be had.
    """
    if not name:
        raise InputError("whose weights it holds is not said", file, "write timm:NAME@FILE")
    if ":" not in name and not timm.is_model(name):
        raise InputError(f"timm has no model {name!r}", remedy="timm.list_models() lists them")
    if file is not None and not file.is_file():
        raise InputError("no such weights file", file, "check the path")
    try:
        model = timm.create_model(name, pretrained=file is None, num_classes=0)
        if file is not None:
            model.load_state_dict(_without_classifier(model, load_state_dict(str(file), weights_only=True)))
        return model
    except Exception as error:  # of many libraries: the hub's, HTTP, sockets, pickle, timm's own
        reason = " ".join((str(error) or type(error).__name__).split())
        raise InputError(
            f"cannot get the weights of timm's {name!r}: {reason[:SHOWN_REASON]}",
            file,
            "check the name, the file and the network; a file is given as timm:NAME@FILE",
        ) from error


def _without_classifier(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict that may hold a classifier, for a model that has none (timm is not strict then)."""
    heads = model.pretrained_cfg["classifier"] or ()
    prefixes = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    return {key: value for key, value in state.items() if not key.startswith(prefixes)}


def load_timm_spatial(spatial: SpatialEncoder, text: str) -> None:
    """Load the weights of a timm image model; a clip of two equal frames then gives the image's feature.

    The 2-D patch embedding is inflated over the tubelet; position tables are interpolated where the
    grids differ; the classifier is dropped.

    Args:
        text: `timm:NAME`, whose weights are downloaded, `timm:NAME@FILE`, or a file of timm's format alone
            (.safetensors, .pth, .pt or .bin); `timm:` may be left out.

    Raises:
        InputError: no such model or file, it cannot be downloaded, or its parameters do not fit.
    """
    name, file = timm_parts(text)
    image = timm_model(name, file).state_dict() if name else read_tensors(file)
    wanted = spatial.state_dict()
    found = {name: value for name, value in image.items() if not _is_dropped(name)}
    _check_names(wanted, found, text)
    _check_position(found, text)
    fitted = {name: _fitted(spatial, name, value) for name, value in found.items()}
    _check_shapes(wanted, fitted, text)
    spatial.load_state_dict(fitted)


def _is_dropped(name: str) -> bool:
    return name.startswith(DROPPED) or name.endswith(BUFFERS)


def _fitted(spatial: SpatialEncoder, name: str, value: Tensor) -> Tensor:
    """A parameter of the image model as the spatial transformer wants it."""
    if name == "patch_embed.proj.weight" and value.ndim == 4:  # (D, 3, p, p), halved and doubled in time
        return value[:, :, None].repeat(1, 1, TUBELET_FRAMES, 1, 1) / TUBELET_FRAMES  # (D, 3, 2, p, p)
    if name == "pos_embed":  # (1, 1 + P, D)
        recipe = spatial.recipe
        grid = [recipe.image_height // recipe.patch_size, recipe.image_width // recipe.patch_size]
        return resample_abs_pos_embed(value, grid)
    if name.endswith("relative_position_bias_table"):  # ((2w − 1)², h)
        return _resampled_bias(value, spatial.get_submodule(name.rpartition(".")[0]).window_size)
    return value


def _resampled_bias(table: Tensor, window_size: tuple[int, int]) -> Tensor:
    """A table of relative positions, one row an offset, for another window size."""
    edge = math.isqrt(len(table))  # 2w − 1, of the image model's square windows
    size = [2 * side - 1 for side in window_size]
    if [edge, edge] == size or edge * edge != len(table):
        return table
    planes = table.T.reshape(1, -1, edge, edge)  # (1, h, 2w − 1, 2w − 1)
    return F.interpolate(planes, size, mode="bicubic").flatten(2)[0].T


def _check_names(wanted: dict[str, Tensor], found: dict[str, Tensor], source: str) -> None:
    missing, unexpected = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    if missing or unexpected:
        parts = [f"lacks {_listed(missing)}"] if missing else []
        parts += [f"has {_listed(unexpected)} too many"] if unexpected else []
        raise InputError(" and ".join(parts), source, "use a plain ViT or Swin of the recipe's depth")


def _check_position(found: dict[str, Tensor], source: str) -> None:
    """timm's position embedding is that of the class token and a square of patches."""
    if "pos_embed" in found:
        num_patches = found["pos_embed"].shape[1] - 1
        if math.isqrt(num_patches) ** 2 != num_patches:
            raise InputError(
                f"its pos_embed is not a class token and a square grid: {num_patches + 1} positions",
                source,
                "use a ViT with a class token",
            )


def _check_shapes(wanted: dict[str, Tensor], fitted: dict[str, Tensor], source: str) -> None:
    for name, value in fitted.items():
        if value.shape != wanted[name].shape:
            raise InputError(
                f"its {name} is {tuple(value.shape)}, the recipe wants {tuple(wanted[name].shape)}",
                source,
                "use a timm model of the recipe's width and patch size",
            )


def _listed(names: set[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
