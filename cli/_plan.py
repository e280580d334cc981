"""--plan: what a run would take, printed in place of the run."""

from pathlib import Path

from comedian.errors import InputError
from comedian.formats.games import FRAMES_SUFFIXES, find_games

from ._flags import Flags
from ._memory import fitted
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


def lacks_init(flags: Flags) -> bool:
    """Whether a plan is asked for before the weights of --init are there."""
    named = flags.init is not None and not flags.init.startswith(("timm:", "hf:"))
    return flags.plan and named and not Path(str(flags.init)).exists()


def open_halves(sources: list[str], flags: Flags):
    """The halves of frames; for a plan those of the videos of lists, where frames are not there yet.

    Raises:
        InputError: there are neither.
    """
    from comedian.data.halves import Halves

    try:
        games = find_games(sources, FRAMES_SUFFIXES, flags.root, flags.prefer)
    except InputError as error:
        if not flags.plan or not all(name.endswith(".txt") and Path(name).is_file() for name in sources):
            raise
        from comedian.training.stand_ins import halves_to_be

        try:
            return halves_to_be(sources, flags.prefer)
        except InputError:
            raise error from None
    return Halves.open(games)


def print_distilling(halves, path: Path, recipe, run, start, flags: Flags) -> None:
    """What step 2 would take, also before its bank is there."""
    from comedian.formats.bank import Bank
    from comedian.training.plans import distillation_plan
    from comedian.training.stand_ins import BankToBe

    bank = Bank(path) if path.exists() else BankToBe(path, halves)
    recipe, run = fitted("distill", flags, halves, recipe, run, bank)
    print_plan(distillation_plan(halves, bank, recipe, run, start))
