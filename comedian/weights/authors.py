"""The authors' own weights files, read as ours; what a file is, its names and shapes tell.

Letters: D width, p patch size, P patches, w window edge, h heads, L tokens of a window, C classes.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from comedian.errors import InputError
from comedian.formats.checkpoint import Checkpoint, Header
from comedian.formats.frames import Geometry
from comedian.models.heads import CLASSES
from comedian.models.meta import without_memory
from comedian.models.spotter import Spotter
from comedian.recipes.model import SOCCERNET_CLASSES, ModelRecipe
from comedian.recipes.stages import SpotRecipe
from comedian.weights.tensors import check_names

GEOMETRY = Geometry(fps=2.0, width=398, height=224, sampling="ffmpeg")  # SoccerNet's 224p, ffmpeg -vf fps=2
IMAGE_EDGE = 224  # pixels; a ViSwin's shapes tell it only where its attention masks are kept
HEAD_WIDTH = 64  # D / h of every ViViT
VISWIN_TEMPORAL_HEADS = 3
IGNORED = ("projector.", "predictor.", "momentum_trunk.", "momentum_projector.", "queue")  # steps 1, 2
BUFFERS = ("relative_position_index", "attn_mask")  # ours computes them
INNER = ("blocks", "layers", "norm")  # what lies in their spatial_transformer and temporal_transformer
TOKENS = ("cls_token", "mask_token")  # spatial_cls_token, temporal_mask_token
HEAD = "head_class.layers.0."
REMEDY = "give a checkpoint of the authors' ViViT or ViSwin"


def is_published(tensors: Iterable[str]) -> bool:
    """Whether tensors of these names are the authors'."""
    return any(name.startswith("trunk.") for name in tensors)


def published_checkpoint(path: str | Path, tensors: dict[str, Tensor]) -> Checkpoint:
    """The authors' weights with our names and header: a flat state dict, or the Lightning file of a step.

    ViViT or ViSwin, of any depth and length. Of step 1 and 2 the online trunk is taken.

    Args:
        path: for messages.
        tensors: by the authors' names.

    Raises:
        InputError: not such tensors, or one is missing, too many or of another shape; it is named.
    """
    file = _File(path, tensors)
    header = file.header()
    tensors = {name: value for name, value in file.tensors.items() if not _is_ignored(name)}
    with without_memory():
        network = Spotter(header.model, header.classes).state_dict()
    parts = ("spatial.",) if header.kind == "spatial" else ("spatial.", "temporal.", "heads.")
    mask_token = torch.zeros(1, 1, header.model.embed_dim)  # as it starts; without masks they train none
    if header.kind != "spatial":
        tensors.setdefault(file.name("temporal.mask_token"), mask_token)
    wanted = {file.name(ours): ours for ours in network if ours.startswith(parts)}
    check_names(wanted, tensors, path, REMEDY)
    for name, ours in wanted.items():
        if tensors[name].shape != network[ours].shape:
            found, fitting = tuple(tensors[name].shape), tuple(network[ours].shape)
            raise InputError(f"its {name} is {found}, the others want {fitting}", path, REMEDY)
    return Checkpoint(path, header, {ours: tensors[name] for name, ours in wanted.items()})


@dataclass(frozen=True)
class _File:
    """Tensors by the authors' names, and how those follow from ours.

    The trunk of step 1 is a plain ViT or Swin: `trunk.cls_token`, `trunk.blocks.…`. That of steps 2 and 3
    holds both: `trunk.transformer.spatial_cls_token`, `trunk.transformer.spatial_transformer.blocks.…`.
    """

    path: str | Path
    tensors: dict[str, Tensor]

    def header(self) -> Header:
        """What a header of ours would say of the file, read from names and shapes."""
        if not self._has("trunk."):
            what = "holds weights, but neither ours nor the authors'"
            raise InputError(what, self.path, "name an image model as timm:NAME@FILE")
        model = self._model()
        kind = "spotter" if self._has(HEAD) else "distilled" if self._is_temporal else "spatial"
        classes = self._classes() if kind == "spotter" else ()
        return Header(kind, model, GEOMETRY, classes, recipe=_recipe(model, kind))

    def name(self, ours: str) -> str:
        """Their name of a tensor that we name `spatial.…`, `temporal.…` or `heads.classes.…`."""
        part, _, rest = ours.partition(".")
        if part == "heads":
            return HEAD + rest.removeprefix(f"{CLASSES}.")
        rest = re.sub(r"^layers\.(\d+)\.downsample", _stage_before, rest)
        both = self._has(self._trunk + "spatial_transformer.")
        if both and rest.startswith(INNER):
            rest = f"{part}_transformer.{rest}"
        if both and rest in TOKENS:
            rest = f"{part}_{rest}"
        return self._trunk + rest

    @property
    def _trunk(self) -> str:
        return "trunk.transformer." if self._has("trunk.transformer.") else "trunk."

    @property
    def _is_temporal(self) -> bool:
        return self._has(self._trunk + "temporal_transformer.")

    def _has(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.tensors)

    def _shape(self, ours: str, num_dims: int) -> tuple[int, ...]:
        name = self.name(ours)
        if name not in self.tensors:
            raise InputError(f"lacks {name}", self.path, REMEDY)
        shape = tuple(self.tensors[name].shape)
        if len(shape) != num_dims:
            raise InputError(f"its {name} is {shape}, not of {num_dims} dimensions", self.path, REMEDY)
        return shape

    def _count(self, ours: str) -> int:
        """How many numbered modules there are; InputError if one is missing before another."""
        prefix = self.name(ours) + "."
        inside = {
            name.removeprefix(prefix).split(".")[0] for name in self.tensors if name.startswith(prefix)
        }
        numbers = [part for part in inside if part.isdecimal()]
        for number in range(len(numbers)):
            if str(number) not in inside:
                last = max(numbers, key=lambda part: (len(part), part))
                raise InputError(f"has {prefix}{last} but lacks {prefix}{number}", self.path, REMEDY)
        return len(numbers)

    def _classes(self) -> tuple[str, ...]:
        num_classes = self._shape(f"heads.{CLASSES}.weight", 2)[0]
        if num_classes != len(SOCCERNET_CLASSES):
            what = f"has {num_classes} classes, whose names it does not tell; SoccerNet's are "
            raise InputError(what + str(len(SOCCERNET_CLASSES)), self.path, REMEDY)
        return SOCCERNET_CLASSES

    def _model(self) -> ModelRecipe:
        width, _, _, _, patch = self._shape("spatial.patch_embed.proj.weight", 5)  # (D, 3, 2, p, p)
        fields = self._viswin(width, patch) if self._count("spatial.layers") else self._vivit(width, patch)
        if self._is_temporal:
            fields["num_tokens"] = self._shape("temporal.time_embed", 3)[1]  # (1, L, D)
            fields["temporal_depth"] = self._count("temporal.blocks")
        try:
            return ModelRecipe(patch_size=patch, **fields).validate()
        except InputError as error:
            raise InputError(error.what, self.path, error.remedy) from None

    def _vivit(self, width: int, patch: int) -> dict:
        num_patches = self._shape("spatial.pos_embed", 3)[1] - 1  # (1, 1 + P, D)
        if math.isqrt(num_patches) ** 2 != num_patches:
            raise InputError(f"has {num_patches} patches, not a square of them", self.path, REMEDY)
        if width % HEAD_WIDTH:
            raise InputError(f"is {width} wide, not {HEAD_WIDTH} for each head", self.path, REMEDY)
        edge, heads = math.isqrt(num_patches) * patch, width // HEAD_WIDTH
        size = {"image_height": edge, "image_width": edge, "embed_dim": width}
        return {"depth": self._count("spatial.blocks"), "num_heads": heads, "temporal_heads": heads, **size}

    def _viswin(self, width: int, patch: int) -> dict:
        stages = range(self._count("spatial.layers"))
        tables = [
            self._shape(f"spatial.layers.{stage}.blocks.0.attn.relative_position_bias_table", 2)
            for stage in stages
        ]  # ((2w − 1)², h)
        window = (math.isqrt(tables[0][0]) + 1) // 2
        mask = self.tensors.get(self.name("spatial.layers.0.blocks.1.attn_mask"))  # (windows, w², w²)
        edge = IMAGE_EDGE if mask is None else math.isqrt(len(mask)) * window * patch
        return {
            "backbone": "viswin",
            "image_height": edge,
            "image_width": edge,
            "embed_dim": width << (len(stages) - 1),
            "swin_depths": tuple(self._count(f"spatial.layers.{stage}.blocks") for stage in stages),
            "swin_heads": tuple(heads for _, heads in tables),
            "swin_window": window,
            "temporal_heads": VISWIN_TEMPORAL_HEADS,
        }


def _recipe(model: ModelRecipe, kind: str) -> dict:
    """The preset that such a network was trained by, and how its windows slide: 12 s, at most a quarter."""
    preset = "vivit-small" if model.embed_dim == 384 else "vivit-tiny"
    recipe = {"preset": "viswin-tiny" if model.backbone == "viswin" else preset}
    ignored_seconds = min(SpotRecipe().ignored_seconds, model.num_tokens // 4)  # a token is a second
    return recipe | ({"spot": {"ignored_seconds": ignored_seconds}} if kind == "spotter" else {})


def _stage_before(match: re.Match) -> str:
    """They merge patches at the end of a stage, we at the beginning of the next."""
    return f"layers.{int(match[1]) - 1}.downsample"


def _is_ignored(name: str) -> bool:
    """What is no part of the network: transforms, buffers, what steps 1 and 2 train beside the trunk."""
    return name.split(".")[0].endswith("transform") or name.startswith(IGNORED) or name.endswith(BUFFERS)
