"""How a bank is made; the defaults are the paper's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BankRecipe:
    """A bank of step 2 (section 3.3)."""

    dim: int = 512  # K, width of a row after PCA; fewer when there are fewer dimensions or rows
    temperature_m: float = 0.07  # τ_m of the soft targets
    neighbours: int | None = None  # soft targets from this many nearest rows; None: exact, from all rows
    dtype: str = "float16"  # of features and soft targets: "float16" or "float32"
