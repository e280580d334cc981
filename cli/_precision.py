"""Thresholds by what a user wants: the precision that a spotter's validation promises."""

from collections.abc import Callable
from typing import Annotated

import typer

from comedian.errors import InputError

from ._models import usual_model
from ._options import by_name

Precision = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, metavar="FRACTION", help="Keep what is right so often, by --model's validation."
    ),
]
Judged = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="SPOTTER",
        callback=by_name("weights"),
        help="Spotter that made the spots, for --precision [default: $COMEDIAN_MODEL].",
    ),
]


def thresholds_of(
    precision: float | None, model: str | None, say: Callable[[str], None]
) -> dict[str, float] | None:
    """The least confidence of each class at which spots are right so often, by a spotter's validation."""
    if precision is None:
        if model:
            say("--model has no effect without --precision")
        return None
    from comedian.evaluation.curves import thresholds_for
    from comedian.formats.exported import header_of
    from comedian.weights.hub import fetch

    names = [model] if model else usual_model()
    if not names:
        raise InputError("no spotter was named", "--precision", "name it with --model")
    name = names[0]
    header = header_of(fetch(name))
    if not (curves := header.curves):
        what = "was trained without validation, so that nobody knows its precision"
        raise InputError(what, name, "use finetune --valid, or --threshold here")
    found = thresholds_for(curves, precision)
    kept = {label: choice for label, choice in found.items() if choice}
    told = [f"{label} {one.recall:.2f} (from {one.threshold:.2f} on)" for label, one in kept.items()]
    after = f"--{header.spot.suppression} --window {header.spot.window_seconds:g}"
    finds = ", ".join(told) or "nothing"
    say(f"right {precision:.0%} of the time after {after}, which finds of all: {finds}")
    if missing := [label for label in found if label not in kept]:
        say(f"never so sure, left out: {', '.join(missing)}")
    return {label: choice.threshold for label, choice in kept.items()}
