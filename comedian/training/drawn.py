"""What chance decides for a batch, before any part of it is computed.

Letters: B clips, L tokens of each.
"""

from dataclasses import dataclass

from torch import Tensor

from comedian import distributed
from comedian.data.augment import Draws


@dataclass(frozen=True)
class Drawn:
    """What chance decided for each clip of a batch, on the CPU; `drawn[rows]` is that of some clips.

    Attributes:
        views: of each view, its draws.
        mask: (B, L) bool, True is a tubelet that is not looked at.
        share: (B,) of itself that each window keeps in mixup.
    """

    views: tuple[Draws, ...]
    mask: Tensor | None = None
    share: Tensor | None = None

    def __len__(self) -> int:
        return len(self.views[0])

    def __getitem__(self, rows: slice | Tensor) -> "Drawn":
        mask, share = (None if value is None else value[rows] for value in (self.mask, self.share))
        return Drawn(tuple(view[rows] for view in self.views), mask, share)


def everyone(batch: int) -> int:
    """Clips of all processes, of which each has so many."""
    return batch * distributed.world_size()
