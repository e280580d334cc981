"""How spots are suppressed, label by label: what a file of settings says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from comedian.recipes.ranges import Fraction, Seconds
from comedian.recipes.suppress import THRESHOLD, WINDOW_SECONDS

Kind = Literal["soft", "hard", "peak"]


@dataclass(frozen=True)
class Way:
    """How spots of one label are suppressed.

    Attributes:
        kind: as `nms` calls it.
        window_seconds: full width of a neighbourhood; None is the usual one of the kind.
        threshold: least confidence that is kept.
    """

    kind: Kind = "soft"
    window_seconds: Seconds | None = None
    threshold: Fraction = THRESHOLD

    @property
    def width_seconds(self) -> float:
        """The full width, the usual one where none is said."""
        return WINDOW_SECONDS[self.kind] if self.window_seconds is None else self.window_seconds


@dataclass(frozen=True)
class Settings:
    """How spots of each label are suppressed; of labels that nobody named as `default` says."""

    default: Way = field(default_factory=Way)
    classes: Mapping[str, Way] = field(default_factory=dict)

    def of_label(self, label: str) -> tuple[str, float, float]:
        """Kind, full width in seconds and threshold of a label."""
        way = self.classes.get(label, self.default)
        return way.kind, way.width_seconds, way.threshold
