"""How `nms` is told to suppress."""

import math
from pathlib import Path

import typer


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


def words(method: str = "soft", window_seconds: float = 0.0) -> str:
    """The options of `nms` for a list to read, in which soft suppression would leave weak neighbours."""
    return "--hard" if method == "soft" else f"--{method} --window {window_seconds:g}"


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
