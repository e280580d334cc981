"""What a spot is; `comedian.formats.spots` reads and writes it."""

import math
from collections.abc import Iterable
from typing import NotRequired, TypedDict

KEYS = ("video", "half", "position_ms", "label", "confidence")


class HalfSpot(TypedDict):
    """A spot whose video is known otherwise.

    Attributes:
        half: 1 or 2.
        position_ms: time from the start of the half.
        label: name of the class.
        confidence: 0 to 1.
        video_ms: time from the start of the file, where that holds several periods.
    """

    half: int
    position_ms: int | float
    label: str
    confidence: float
    video_ms: NotRequired[int | float]


class Spot(HalfSpot):
    """A spot of a video; other keys than these may stand beside them.

    Attributes:
        video: path or name.
    """

    video: str


class Outside:
    """How many confidences are no fractions of 1, and how far they reach.

    Attributes:
        number: of confidences below 0, above 1 or NaN.
    """

    def __init__(self):
        self.number = self._nans = 0
        self._least, self._most = math.inf, -math.inf

    def look(self, confidences: Iterable[float]) -> None:
        """Take note of some more."""
        values = list(confidences)
        if values and 0 <= min(values) <= max(values) <= 1 and not any(map(math.isnan, values)):
            return
        for value in values:
            if not 0 <= value <= 1:
                self.number += 1
                if math.isnan(value):
                    self._nans += 1
                else:
                    self._least, self._most = min(self._least, value), max(self._most, value)

    def __str__(self) -> str:
        some = [f"{value:g}" for value in sorted({self._least, self._most}) if self._nans < self.number]
        reach = [" to ".join(some)] * bool(some) + [f"{self._nans} NaN"] * bool(self._nans)
        what = "1 confidence lies" if self.number == 1 else f"{self.number} confidences lie"
        return f"{what} outside 0…1 ({', '.join(reach)})"
