"""Which way up a picture is shown, as the container's display matrix says: quarter turns and mirrors.

The matrix of ISO/IEC 14496-12, 6.2.2 maps column x and row y of the stored picture to column
a·x + c·y and row b·x + d·y of the shown one.
"""

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type


@dataclass(frozen=True)
class Orientation:
    """One of eight: first rows and columns are swapped, then their order is reversed.

    Attributes:
        transposed: the shown picture's rows are the stored one's columns.
        down, across: 1, or -1 where rows, or columns, of the shown picture run the other way.
    """

    transposed: bool = False
    down: int = 1
    across: int = 1

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """A stored picture (h, w, ...) as it is shown, (H, W, ...), contiguous."""
        turned = picture.swapaxes(0, 1) if self.transposed else picture
        return np.ascontiguousarray(turned[:: self.down, :: self.across])


def orientation(frame: av.VideoFrame) -> Orientation:
    """How a decoded frame is to be shown; upright where nothing is said, or nothing that can be."""
    items: Any = frame.side_data  # whose types PyAV gives wrongly
    stored = next((bytes(item) for item in items if item.type == Type.DISPLAYMATRIX), b"")
    if len(stored) != 36:
        return Orientation()
    a, b, _, c, d, *_ = np.frombuffer(stored, np.int32).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, down=-1 if b < 0 else 1, across=-1 if c < 0 else 1)
    return Orientation(False, down=-1 if d < 0 else 1, across=-1 if a < 0 else 1)
