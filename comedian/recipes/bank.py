"""How a bank is made; the defaults are the paper's."""

from dataclasses import dataclass
from typing import Literal

from comedian.recipes.ranges import Count, Temperature


@dataclass(frozen=True)
class BankRecipe:
    """A bank of step 2 (section 3.3)."""

    dim: Count = 512  # K, width of a row after PCA; fewer when there are fewer dimensions or rows
    temperature_m: Temperature = 0.07  # τ_m of the soft targets
    neighbours: Count | None = None  # soft targets from this many nearest rows; None: exact, from all rows
    dtype: Literal["float16", "float32"] = "float16"  # of features and soft targets
