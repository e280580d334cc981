"""Geometry of the networks; what a checkpoint stores so that loading needs no flags."""

from dataclasses import dataclass

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

TUBELET_FRAMES = 2  # frames per token (paper, section 3.1)


@dataclass(frozen=True)
class ModelRecipe:
    """One COMEDIAN network; the defaults are the paper's ViViT-T in its best setting (64 s)."""

    backbone: str = "vivit"  # "vivit" (ViT spatial) or "viswin" (Swin spatial)
    image_height: int = 224  # pixels the spatial transformer sees
    image_width: int = 224
    patch_size: int = 16  # pixels; ViSwin: 4
    embed_dim: int = 192  # D, width of a token; ViSwin: 768, the width of its last stage
    depth: int = 12  # spatial blocks (vivit)
    num_heads: int = 3  # spatial heads (vivit)
    swin_depths: tuple[int, ...] = (2, 2, 6, 2)  # blocks per stage (viswin)
    swin_heads: tuple[int, ...] = (3, 6, 12, 24)  # heads per stage (viswin)
    swin_window: int = 7  # patches along a window's edge (viswin)
    mlp_ratio: float = 4.0
    num_tokens: int = 64  # L, tokens of a window = seconds at 2 frames a second
    temporal_depth: int = 6
    temporal_heads: int = 3
    drop_path: float = 0.1  # stochastic depth, 0 to this over depth, spatial and temporal apart

    @property
    def num_frames(self) -> int:
        """T, frames of a window."""
        return TUBELET_FRAMES * self.num_tokens
