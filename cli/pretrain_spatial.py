"""pretrain-spatial: step 1, MoCo self-supervision of the spatial transformer."""

from ._app import command
from ._flags import Flags, with_flags
from ._memory import fitted
from ._plan import print_plan
from ._training import train


@with_flags
def pretrain_spatial(flags: Flags) -> None:
    """Train the spatial transformer on single seconds of video, without labels (step 1, MoCo).

    Writes weights of kind "spatial", and one JSON line per epoch to standard output.
    """

    def run_stage(halves, recipe, run, start, preset):
        from comedian.training.pretrain_spatial import pretrain_spatial

        recipe, run = fitted("pretrain-spatial", flags, halves, recipe, run)
        if flags.plan:
            from comedian.training.plans import pretraining_plan

            print_plan(pretraining_plan(halves, recipe, run, start))
            return
        pretrain_spatial(halves, recipe, run, start, preset)

    overrides = {"optim.batch_size": flags.batch_size, "optim.epochs": flags.epochs}
    train("pretrain-spatial", flags, overrides, run_stage)


main = command(pretrain_spatial, example="pretrain-spatial frames -o spatial.safetensors | jq .loss")
