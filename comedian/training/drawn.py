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
        views: of each view, its draws; empty where views are kept.
        kept: (B,) the number of a view that is kept.
        mask: (B, L) bool, True is a tubelet that is not looked at.
        share: (B,) of itself that each window keeps in mixup.
    """

    views: tuple[Draws, ...] = ()
    mask: Tensor | None = None
    share: Tensor | None = None
    kept: Tensor | None = None

    def __len__(self) -> int:
        return len(self.views[0]) if self.kept is None else len(self.kept)

    def __getitem__(self, rows: slice | Tensor) -> "Drawn":
        others = (self.mask, self.share, self.kept)
        views = tuple(view[rows] for view in self.views)
        return Drawn(views, *(None if value is None else value[rows] for value in others))


def everyone(batch: int) -> int:
    """Clips of all processes, of which each has so many."""
    return batch * distributed.world_size()
