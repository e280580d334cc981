"""--memory: what fits a device."""

import re
from dataclasses import replace

import typer

from ._say import warn
from ._torchrun import is_first

BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def bytes_of(text: str) -> int:
    """Such as 24GB in bytes; a wrong command line where it is nothing of the kind."""
    found = re.fullmatch(rf"\s*([0-9]{{1,9}}(?:[.][0-9]+)?)\s*({'|'.join(BYTES)})\s*", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is no memory, write e.g. 24GB", param_hint="--memory")
    return round(float(found[1]) * BYTES[found[2]])


def fitted(stage: str, flags, halves, recipe, run, bank=None) -> tuple:
    """The recipe and the run as they fit --memory, which one line says; without it as they are."""
    if flags.memory is None:
        return recipe, run
    from comedian.training.loop import mixes_precision
    from comedian.training.memory import fit_in

    frame = halves.geometry.height, halves.geometry.width
    half = mixes_precision(run.device, recipe.precision)
    fit = fit_in(flags.memory, recipe, frame, half=half, recompute=run.recompute, bank=bank)
    if is_first() and not flags.quiet:
        warn(stage, fit.said)
    return fit.recipe, replace(run, recompute=fit.recompute)
