"""What a frozen spatial encoder makes of halves, computed once and kept beside their frames.

Letters: L tokens of a half, D' width of a feature.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from functools import partial

import numpy as np
import torch
from torch import Tensor

from comedian import distributed
from comedian.data.augment import Draws, apply, draw, to_input
from comedian.data.halves import Halves
from comedian.devices import has_bf16
from comedian.formats.frames import FramesFile
from comedian.formats.tokens import TokensFile, tokens_path, whole_tokens_file, write_tokens
from comedian.models.packed import fastest
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.augment import AugmentRecipe
from comedian.recipes.model import TUBELET_FRAMES
from comedian.spotting.encode import chunk_tokens, in_threads
from comedian.spotting.halves import stream_frames
from comedian.spotting.sliding import tubelets_of
from comedian.training.run import Run
from comedian.training.schedule import seed_of

NECK = "neck."  # tensors after what is kept


def frozen_tokens(
    halves: Halves, spatial: SpatialEncoder, view: AugmentRecipe, num_views: int, run: Run
) -> list[list[TokensFile]]:
    """The features of every half as it is, and in so many random views, each alike from end to end.

    What lies beside the frames and was made by the same encoder in the same way is taken; processes share
    the rest.
    """
    spatial = spatial.to(run.device).eval()
    quick, keys = fastest(spatial, run.device), _keys_of(halves, spatial, view, num_views)
    own = range(distributed.rank(), len(keys), distributed.world_size())
    for number, half in enumerate(own):
        run.report("encoding", number, len(own))
        file = halves.files[half]
        missing = _missing(file, keys[half])
        name = f"{halves.name_of(half)}/{file.half}"
        draws = [_drawn(view, name, keys[half].index(key)) for key in missing]
        for key, features in zip(missing, _views(file, quick, draws, run.device), strict=True):
            write_tokens(tokens_path(file.path, key), features, key)
    distributed.gather_lists([])  # wait for the others
    return [
        [TokensFile(tokens_path(file.path, key)) for key in some]
        for file, some in zip(halves.files, keys, strict=True)
    ]


def missing_views(
    halves: Halves, spatial: SpatialEncoder, view: AugmentRecipe, num_views: int
) -> list[int]:
    """How many views of each half `frozen_tokens` would compute."""
    keys = _keys_of(halves, spatial, view, num_views)
    return [len(_missing(file, some)) for file, some in zip(halves.files, keys, strict=True)]


def some_tokens(
    file: FramesFile, spatial: SpatialEncoder, view: AugmentRecipe, num_views: int, device: torch.device
) -> list[np.ndarray]:
    """The features (L, D') of a half as it is and in so many random views; nothing is kept."""
    spatial = spatial.to(device).eval()
    draws = [_drawn(view, "", index) for index in range(num_views + 1)]
    return _views(file, fastest(spatial, device), draws, device)


def _missing(file: FramesFile, keys: Sequence[str]) -> list[str]:
    """Those of the views of a half that do not lie beside its frames."""
    return [key for key in keys if not whole_tokens_file(tokens_path(file.path, key), key)]


def _keys_of(
    halves: Halves, spatial: SpatialEncoder, view: AugmentRecipe, num_views: int
) -> list[list[str]]:
    """The keys of the views of each half."""
    encoder = _digest(spatial)
    return [_keys(file, encoder, view, num_views) for file in halves.files]


def _drawn(view: AugmentRecipe, name: str, index: int) -> Draws | None:
    """What is drawn for one view of the half of that name, in every run; the first one is plain."""
    return draw(view, 1, torch.Generator().manual_seed(seed_of(name, index))) if index else None


def _views(
    file: FramesFile, spatial: SpatialEncoder, draws: Sequence[Draws | None], device: torch.device
) -> list[np.ndarray]:
    """Features (L, D') of a half in several views; draws of None are the plain one."""
    if not draws:
        return []
    encoders = [partial(_features, spatial, drawn, device) for drawn in draws]
    tubelets = tubelets_of(stream_frames(file), chunk_tokens(device))
    with closing(in_threads(tubelets, encoders, device)) as encoded:
        parts = [features for _, features in encoded]
    return [torch.cat(view).numpy() for view in zip(*parts, strict=True)]


@torch.inference_mode()
def _features(
    spatial: SpatialEncoder, draws: Draws | None, device: torch.device, frames: np.ndarray
) -> Tensor:
    """Features (n, D') of tubelets (n, 2, H, W, 3) in one view: to its draws they are one clip."""
    pixels, size = torch.from_numpy(frames).to(device).flatten(0, 1)[None], spatial.recipe.image_size
    video = to_input(pixels, size) if draws is None else apply(pixels, draws, size)  # (1, 3, T, h, w)
    tubelets = video[0].unflatten(1, (-1, TUBELET_FRAMES)).transpose(0, 1)  # (n, 3, 2, h, w)
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        return spatial.features(tubelets).float().cpu()


def _keys(file: FramesFile, encoder: str, view: AugmentRecipe, num_views: int) -> list[str]:
    """For each view, what the features of a half depend on, in brief."""
    frames = (file.video_bytes, len(file), file.path.stat().st_size, file.provenance)
    drawn = [None, *((view, index) for index in range(1, num_views + 1))]
    return [hashlib.sha256(repr((frames, encoder, one)).encode()).hexdigest() for one in drawn]


def _digest(spatial: SpatialEncoder) -> str:
    """Of an encoder: its weights, and the pictures it sees."""
    found = hashlib.sha256(repr((spatial.recipe.backbone, spatial.recipe.image_size)).encode())
    for name, value in sorted(spatial.state_dict().items()):
        if not name.startswith(NECK):
            found.update(name.encode())
            found.update(_bytes(value))
    return found.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
