"""A small bank of feature files."""

from pathlib import Path

from comedian.bank.build import bank_from_features
from comedian.formats.bank import Bank
from comedian.formats.games import find_games
from comedian.recipes.bank import BankRecipe

NPY = frozenset({".npy"})


def build(features: Path, **changes) -> tuple[Bank, dict]:
    output = features.parent / "bank.h5"
    options = {name: changes.pop(name) for name in ("features_fps", "offset_seconds") if name in changes}
    recipe = BankRecipe(**{"dtype": "float32", **changes})
    summary = bank_from_features(find_games([features], NPY), output, recipe, **options)
    return Bank(output), summary
