"""Start a spatial transformer from an image model of timm (ViT for ViViT, Swin for ViSwin).

Letters: D width, p patch size, P patches, w window edge, h heads.
"""

import math
from pathlib import Path
from pickle import UnpicklingError

import safetensors.torch
import timm
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from comedian.errors import InputError
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.model import TUBELET_FRAMES

WEIGHTS_SUFFIXES = frozenset({".safetensors", ".pth", ".pt", ".bin"})
DROPPED = ("head.", "head_dist.", "pre_logits.")  # image classifiers
BUFFERS = ("relative_position_index", "attn_mask")  # old files hold them; ours computes them
SHOWN = 4  # parameters that an error names


def load_timm_spatial(spatial: SpatialEncoder, name_or_file: str) -> None:
    """Load the weights of a timm image model; a clip of two equal frames then gives the image's feature.

    The 2-D patch embedding is inflated over the tubelet; position tables are interpolated where the
    grids differ; the classifier is dropped.

    Args:
        name_or_file: a timm model with pretrained weights, or a .safetensors, .pth, .pt or .bin file.

    Raises:
        InputError: no such model or file, it cannot be downloaded, or its parameters do not fit.
    """
    is_file = Path(name_or_file).suffix in WEIGHTS_SUFFIXES
    image = _from_file(Path(name_or_file)) if is_file else _from_timm(name_or_file)
    wanted = spatial.state_dict()
    found = {name: value for name, value in image.items() if not _is_dropped(name)}
    _check_names(wanted, found, name_or_file)
    _check_position(found, name_or_file)
    fitted = {name: _fitted(spatial, name, value) for name, value in found.items()}
    _check_shapes(wanted, fitted, name_or_file)
    spatial.load_state_dict(fitted)


def _from_timm(name: str) -> dict[str, Tensor]:
    if ":" not in name and not timm.is_model(name):
        raise InputError(f"timm has no model {name!r}", remedy="timm.list_models() lists them")
    try:
        return timm.create_model(name, pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # of many libraries: the hub's, HTTP, sockets, timm's own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"cannot get the pretrained weights of {name!r}: {reason}",
            remedy="check the name and the network, or give a weights file",
        ) from error


def _from_file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError("no such weights file", path, "check the path")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, UnpicklingError, EOFError, ValueError):
        raise InputError("is not a readable file of tensors", path, "save a timm state_dict") from None
    for wrapper in ("model", "state_dict"):
        state = state.get(wrapper, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError("holds more than tensors by name", path, "save a timm state_dict")
    return state


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
