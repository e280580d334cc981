"""How `nms` is told to suppress."""

import math
from collections.abc import Callable
from pathlib import Path

import typer

from comedian.errors import InputError

from ._models import usual_model


def chosen_method(soft: bool, hard: bool, peak: bool) -> str:
    """The one method that is chosen; soft where none is."""
    chosen = [name for name, on in (("soft", soft), ("hard", hard), ("peak", peak)) if on]
    if len(chosen) > 1:
        raise typer.BadParameter(f"choose one of --{' and --'.join(chosen)}")
    return chosen[0] if chosen else "soft"


def label_window(text: str) -> tuple[str, float]:
    """LABEL=SECONDS as a pair."""
    label, _, seconds = text.rpartition("=")
    try:
        if label and 0 <= float(seconds) < math.inf:
            return label, float(seconds)
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is not LABEL=SECONDS", param_hint="--window-for")


def settings_of(path: Path, method: bool, window: float | None, window_for: list[str] | None):
    """The settings of a file, unless options say the same otherwise."""
    given = {"--soft, --hard or --peak": method, "--window": window is not None, "--window-for": window_for}
    for name, on in given.items():
        if on:
            raise typer.BadParameter(
                f"says what {name} would say: give one of them", param_hint="--settings"
            )
    from comedian.formats.suppression import read_settings

    return read_settings(path)


def thresholds_of(precision: float, model: str | None, say: Callable[[str], None]) -> dict[str, float]:
    """The least confidence of each class at which spots are right so often, by a spotter's validation."""
    from comedian.evaluation.curves import thresholds_for
    from comedian.formats.exported import header_of
    from comedian.weights.hub import fetch

    names = [model] if model else usual_model()
    if not names:
        raise InputError("no spotter was named", "--precision", "name it with --model")
    name = names[0]
    if not (curves := header_of(fetch(name)).curves):
        what = "was trained without validation, so that nobody knows its precision"
        raise InputError(what, name, "use finetune --valid, or --threshold here")
    found = thresholds_for(curves, precision)
    kept = {label: choice for label, choice in found.items() if choice}
    told = [f"{label} {one.recall:.2f} (from {one.threshold:.2f} on)" for label, one in kept.items()]
    say(f"right {precision:.0%} of the time, which finds of all: {', '.join(told) or 'nothing'}")
    if missing := [label for label in found if label not in kept]:
        say(f"never so sure, left out: {', '.join(missing)}")
    return {label: choice.threshold for label, choice in kept.items()}
