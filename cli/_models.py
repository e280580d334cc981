"""The spotters that a command works with."""

import os
from collections.abc import Callable

from ._options import Merge


def usual_model() -> list[str]:
    """The spotter of somebody who names none, $COMEDIAN_MODEL, if there is one."""
    return [name for name in [os.environ.get("COMEDIAN_MODEL")] if name]


def load_models(
    names: list[str] | None,
    say: Callable[[str], None],
    *,
    ignored_seconds: float | None = None,
    merge: Merge | None = None,
    stride: int | None = None,
) -> tuple:
    """The models' files, the spotters, and how windows slide: as the first was trained, or by flags."""
    from dataclasses import replace

    from comedian.spotting.sources import load_ensemble
    from comedian.weights.hub import fetch, fetch_published

    files = [fetch(name) for name in names or usual_model()] or [fetch_published(say)]
    spotters = load_ensemble(files)
    recipe = spotters[0].spot
    if ignored_seconds is not None:
        recipe = replace(recipe, ignored_seconds=ignored_seconds)
    if merge is not None:
        recipe = replace(recipe, merge=merge.value)
    if stride is not None:
        recipe = replace(recipe, stride_tokens=stride)
    return files, spotters, recipe
