"""What the three training commands share: the recipe, the frames, the run."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats.games import FRAMES_SUFFIXES, files_of, find_games
from comedian.recipes.resolve import resolve, to_toml

from ._flags import Flags
from ._outputs import check_output, refuse_inputs
from ._progress import progress
from ._say import warn
from ._streams import silence_stdout
from ._torchrun import is_first

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


def train(stage: str, flags: Flags, overrides: dict[str, Any], run_stage: Callable) -> None:
    """Resolve the recipe, open the frames and call `run_stage(halves, recipe, run, start, preset)`."""
    if not is_first():
        flags = replace(flags, quiet=True)
    start = _start(flags)
    header = start.header if start else None
    preset, inherited = _inherited(flags, header)
    recipe = resolve(stage, preset, [*inherited, *(flags.settings or ())], overrides)
    if flags.show_recipe:
        print(to_toml(stage, recipe), end="")
        return
    frames, output = _required(flags)
    from comedian.data.halves import Halves
    from comedian.distributed import pick_device, processes
    from comedian.training.run import Run
    from comedian.weights.start import Start

    start = start or Start(flags.init)
    with processes(pick_device(flags.device)) as device, progress(flags.quiet) as report:
        made_from = {"--init": start.fingerprint}
        how = flags.workers, flags.seed, flags.recompute, flags.resume
        run = Run(output, device, *how, made_from, report, _emit)
        _check_state(stage, flags, run.state_path)
        games = find_games(frames, FRAMES_SUFFIXES, flags.root, flags.prefer)
        check_output(run.epochs_path)
        refuse_inputs([output, run.epochs_path], files_of(games))
        halves = Halves.open(games)
        if not run.state_path.exists():  # else it was said when the run began
            _remark(stage, flags, header)
        try:
            run_stage(halves, recipe, run, start, preset)
        except (KeyboardInterrupt, RuntimeError) as end:
            if run.state_path.exists():
                end.add_note("--resume goes on")
            raise


def _start(flags: Flags):
    """The weights of --init, whose recipe is inherited; None where there is nothing to inherit."""
    if flags.init is None or flags.init.startswith("timm:"):
        return None
    from comedian.weights.start import Start

    return Start(flags.init)


def _inherited(flags: Flags, header) -> tuple[str, list[str]]:
    """The recipe's name, and settings: the network of --init need not be described again."""
    if flags.recipe or header is None:
        return flags.recipe or DEFAULT_RECIPE, []
    settings = [f"model.{key}={json.dumps(value)}" for key, value in asdict(header.model).items()]
    return header.recipe.get("preset") or DEFAULT_RECIPE, settings


def _required(flags: Flags) -> tuple[list[str], Path]:
    """The frames and the output, without which nothing but the recipe can be shown."""
    if not flags.frames:
        raise InputError("no frames were given", remedy="name frames files, folders or lists")
    if flags.output is None:
        raise InputError("no output was given", remedy="name a weights file with -o")
    check_output(flags.output)
    return flags.frames, flags.output


def _check_state(stage: str, flags: Flags, state) -> None:
    if state.exists() and not flags.resume:
        raise InputError("an interrupted run left it", state, "go on with --resume, or delete it")
    if flags.resume and not state.exists() and not flags.quiet:
        warn(stage, "nothing to resume, beginning anew")


def _remark(stage: str, flags: Flags, header) -> None:
    remark = "" if flags.init else "no --init, starting from random weights"
    if header and (stage, header.kind) in REMARKS:
        remark = f"{flags.init}: is a {header.kind} checkpoint, {REMARKS[stage, header.kind]}"
    if remark and not flags.quiet:
        warn(stage, remark)


def _emit(record: dict) -> None:
    """One line an epoch; that nobody reads on is no reason to stop training."""
    try:
        print(json.dumps(record), flush=True)
    except BrokenPipeError:
        silence_stdout()
