"""Geometry of the networks; what a checkpoint stores so that loading needs no flags."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from comedian.errors import InputError
from comedian.recipes.ranges import Below1, Depth, Pixels, Positive, Width

SOCCERNET_CLASSES = (
    "Penalty",
    "Kick-off",
    "Goal",
    "Substitution",
    "Offside",
    "Shots on target",
    "Shots off target",
    "Clearance",
    "Ball out of play",
    "Throw-in",
    "Foul",
    "Indirect free-kick",
    "Direct free-kick",
    "Corner",
    "Yellow card",
    "Red card",
    "Yellow->red card",
)

MEAN, STD = 0.45, 0.225  # pixels in 0..1 are normalised so, every channel alike (the authors' code)
BACKBONES = ("vivit", "viswin", "timm")  # "timm" with the model's name: "timm:convnext_tiny"
TUBELET_FRAMES = 2  # frames per token (paper, section 3.1)


@dataclass(frozen=True)
class ModelRecipe:
    """One COMEDIAN network; the defaults are the paper's ViViT-T in its best setting (64 s)."""

    backbone: str = "vivit"  # "vivit" (ViT spatial), "viswin" (Swin), or "timm:NAME"
    image_height: Pixels = 224  # pixels the spatial transformer sees
    image_width: Pixels = 224
    patch_size: Pixels = 16  # pixels; ViSwin: 4
    embed_dim: Width = 192  # D, width of a token; ViSwin: 768, the width of its last stage
    depth: Depth = 12  # spatial blocks (vivit)
    num_heads: Depth = 3  # spatial heads (vivit)
    swin_depths: tuple[Depth, ...] = (2, 2, 6, 2)  # blocks per stage (viswin)
    swin_heads: tuple[Depth, ...] = (3, 6, 12, 24)  # heads per stage (viswin)
    swin_window: Pixels = 7  # patches along a window's edge (viswin)
    mlp_ratio: Positive = 4.0
    num_tokens: Width = 64  # L, tokens of a window = seconds at 2 frames a second
    temporal_depth: Depth = 6
    temporal_heads: Depth = 3
    drop_path: Below1 = 0.1  # stochastic depth, 0 to this over depth, spatial and temporal apart

    @property
    def backbone_kind(self) -> str:
        """The backbone without the name of timm's model."""
        return self.backbone.partition(":")[0]

    @property
    def timm_name(self) -> str:
        """The name of timm's model, "" for our own networks."""
        return self.backbone.partition(":")[2]

    @property
    def image_size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.image_height, self.image_width

    @property
    def num_frames(self) -> int:
        """T, frames of a window."""
        return TUBELET_FRAMES * self.num_tokens

    def validate(self) -> "ModelRecipe":
        """Return the recipe itself if such a network can be built.

        Raises:
            InputError: in words, the first value that is impossible and what would do.
        """
        if self.backbone_kind not in BACKBONES or (self.backbone_kind == "timm") != bool(self.timm_name):
            raise _impossible("backbone", self.backbone, "use vivit, viswin or timm:NAME")
        for name in ("image_height", "image_width", "patch_size", "embed_dim", "num_tokens"):
            _check_positive(name, getattr(self, name))
        for name in ("depth", "num_heads", "swin_window", "temporal_depth", "temporal_heads"):
            _check_positive(name, getattr(self, name))
        if not 0 <= self.drop_path < 1:
            raise _impossible("drop_path", self.drop_path, "use a share from 0 to below 1")
        if int(self.embed_dim * self.mlp_ratio) < 1:
            raise _impossible("mlp_ratio", self.mlp_ratio, "use 4.0 or another number above 0")
        _check_divides("temporal_heads", self.temporal_heads, "embed_dim", self.embed_dim)
        if self.backbone == "vivit":
            self._validate_vivit()
        elif self.backbone == "viswin":
            self._validate_viswin()
        return self

    def _validate_patches(self) -> None:
        for side in ("image_height", "image_width"):
            _check_divides("patch_size", self.patch_size, side, getattr(self, side))

    def _validate_vivit(self) -> None:
        self._validate_patches()
        _check_divides("num_heads", self.num_heads, "embed_dim", self.embed_dim)

    def _validate_viswin(self) -> None:
        self._validate_patches()
        stages = len(self.swin_depths)
        if not stages or len(self.swin_heads) != stages:
            remedy = f"give one number for each of the {stages} stages of swin_depths"
            raise _impossible("swin_heads", self.swin_heads, remedy)
        for depth, heads in zip(self.swin_depths, self.swin_heads, strict=True):
            _check_positive("swin_depths", depth)
            _check_positive("swin_heads", heads)
        _check_multiple("embed_dim", self.embed_dim, 2 ** (stages - 1))
        for stage, heads in enumerate(self.swin_heads):
            _check_divides("swin_heads", heads, f"the width of stage {stage + 1}", self.stage_width(stage))
        for side in ("image_height", "image_width"):
            _check_multiple(side, getattr(self, side), self.patch_size * 2 ** (stages - 1))
            for stage in range(stages):
                self._validate_window(side, stage)

    def _validate_window(self, side: str, stage: int) -> None:
        """Windows tile each stage's grid exactly; a grid smaller than the window is one window."""
        patches = getattr(self, side) // self.patch_size >> stage
        if patches > self.swin_window:
            whole = f"the {side} of stage {stage + 1} in patches"
            _check_divides("swin_window", self.swin_window, whole, patches)

    def stage_width(self, stage: int) -> int:
        """Width of a ViSwin stage; the last one is `embed_dim` wide."""
        return self.embed_dim >> (len(self.swin_depths) - 1 - stage)


def check_classes(classes: Sequence[str]) -> None:
    """Raise InputError unless each name of a class stands once, in whatever form of Unicode."""
    seen: set[str] = set()
    for name in classes:
        if (canonical := unicodedata.normalize("NFC", name)) in seen:
            raise InputError(f"names the class {name!r} twice", remedy="name each class once")
        seen.add(canonical)


def _check_positive(name: str, value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise _impossible(name, value, "use a whole number from 1")


def _check_divides(name: str, value: int, whole_name: str, whole: int) -> None:
    if whole % value:
        raise _impossible(name, value, f"it must divide {whole_name}, which is {whole}")


def _check_multiple(name: str, value: int, factor: int) -> None:
    if value % factor:
        raise _impossible(name, value, f"use a multiple of {factor}")


def _impossible(name: str, value: object, remedy: str) -> InputError:
    return InputError(f"model.{name} = {value} cannot be built", remedy=remedy)
