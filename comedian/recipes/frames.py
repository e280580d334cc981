"""How frames are sampled and kept; the defaults are the paper's."""

from dataclasses import dataclass


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

    fps: float = 2.0
    size: tuple[int, int] = (398, 224)
    sampling: str = "screen"
    encoding: str = "jpeg"
    quality: int = 90
