"""--plan: what a run would take, printed in place of the run."""

from pathlib import Path

from ._torchrun import is_first


def print_plan(plan: object) -> None:
    """The table, on standard output, of the first process."""
    if is_first():
        print(plan, flush=True)


def print_spotting(halves, spotters, recipe, device, threshold: float, output: str, scores) -> None:
    """What spotting these halves would take."""
    from comedian.spotting.trial import spotting_plan

    named = None if output == "-" else Path(output)
    print_plan(spotting_plan(halves, spotters, recipe, device, threshold, named, scores))
