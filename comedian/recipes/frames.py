"""How frames are sampled and kept; the defaults are the paper's."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from comedian.recipes.ranges import Pixels, Rate


@dataclass(frozen=True)
class FramesRecipe:
    """Frames as training and spotting look at them.

    Attributes:
        fps: frames a second.
        size: (width, height) in pixels; the whole picture is stretched to it.
        sampling: "screen", the frame on screen at k / fps, or "ffmpeg", what its filter `fps` picks.
        encoding: "jpeg" or "raw".
        quality: of JPEG, 1 to 100.
    """

    fps: Rate = 2.0
    size: tuple[Pixels, Pixels] = (398, 224)
    sampling: str = "screen"
    encoding: str = "jpeg"
    quality: Annotated[int, Meta(ge=1, le=100)] = 90
