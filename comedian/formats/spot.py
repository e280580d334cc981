"""What a spot is; `comedian.formats.spots` reads and writes it."""

from typing import TypedDict

KEYS = ("video", "half", "position_ms", "label", "confidence")


class HalfSpot(TypedDict):
    """A spot whose video is known otherwise.

    Attributes:
        half: 1 or 2.
        position_ms: time from the start of the half.
        label: name of the class.
        confidence: 0 to 1.
    """

    half: int
    position_ms: int | float
    label: str
    confidence: float


class Spot(HalfSpot):
    """A spot of a video; other keys than these may stand beside them.

    Attributes:
        video: path or name.
    """

    video: str
