"""distill: step 2, SCE distillation of a bank of features into both transformers."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._flags import Flags, with_flags
from ._memory import fitted
from ._options import by_name
from ._plan import print_distilling
from ._say import warn
from ._torchrun import is_first
from ._training import train

BANK = typer.Option(
    metavar="FILE", callback=by_name("a bank"), help="Bank of features, made by build-bank.  [required]"
)


@with_flags
def distill(flags: Flags, bank: Annotated[Path | None, BANK] = None) -> None:
    """Teach both transformers to see a whole window as the bank's teacher does (step 2, SCE).

    Writes weights of kind "distilled", and one JSON line per epoch to standard output.
    """

    def run_stage(halves, recipe, run, start, preset):
        if bank is None:
            raise InputError("no bank was given", remedy="make one with build-bank and name it with --bank")
        if flags.plan:
            print_distilling(halves, bank, recipe, run, start, flags)
            return
        from comedian.data.remarks import remark_lengths
        from comedian.formats.bank import Bank
        from comedian.formats.provenance import fingerprint
        from comedian.training.distill import distill

        run = replace(run, made_from={**run.made_from, "--bank": fingerprint(bank)})
        opened = Bank(bank)
        for message in remark_lengths(opened, halves) if is_first() and not flags.quiet else ():
            warn("distill", message)
        recipe, run = fitted("distill", flags, halves, recipe, run, opened)
        distill(halves, opened, recipe, run, start, preset)

    overrides = {"optim.batch_size": flags.batch_size, "optim.epochs": flags.epochs}
    train("distill", flags, overrides, run_stage)


main = command(
    distill,
    example="distill frames --bank bank.h5 --init spatial.safetensors -o distilled.safetensors | jq .loss",
)
