"""What --init means for a training command: its weights, the recipe it brings, what is said of it."""

import json
from dataclasses import asdict

from ._flags import Flags
from ._plan import lacks_init
from ._progress import loading
from ._say import warn

DEFAULT_RECIPE = "vivit-tiny"
ONLY_SPATIAL = "only its spatial transformer is taken"
REMARKS = {  # what becomes of weights that are not of the step before
    ("pretrain-spatial", "distilled"): ONLY_SPATIAL,
    ("pretrain-spatial", "spotter"): ONLY_SPATIAL,
    ("distill", "distilled"): ONLY_SPATIAL,
    ("distill", "spotter"): ONLY_SPATIAL,
    ("finetune", "spatial"): "not distilled, everything is trained for scratch_epochs",
    ("finetune", "spotter"): "its head is not taken",
}


def opened(stage: str, flags: Flags):
    """The start whose recipe is inherited; None where there is nothing to inherit."""
    if flags.init is None or flags.init.startswith("timm:") or lacks_init(flags):
        return None
    with loading(stage, flags.quiet):
        from comedian.weights.start import Start

    return Start(flags.init)


def inherited(flags: Flags, header) -> tuple[str, list[str]]:
    """The recipe's name, and settings: the network of --init need not be described again."""
    if flags.recipe or header is None:
        return flags.recipe or DEFAULT_RECIPE, []
    settings = [f"model.{key}={json.dumps(value)}" for key, value in asdict(header.model).items()]
    return header.recipe.get("preset") or DEFAULT_RECIPE, settings


def remark_on(stage: str, flags: Flags, header) -> None:
    """Say what a run starts from, where that is not the step before."""
    remark = "" if flags.init else "no --init, starting from random weights"
    if header and (stage, header.kind) in REMARKS:
        remark = f"{flags.init}: is a {header.kind} checkpoint, {REMARKS[stage, header.kind]}"
    if remark and not flags.quiet:
        warn(stage, remark)
