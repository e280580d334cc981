"""What the three training commands share: the recipe, the frames, the run."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.recipes.resolve import resolve, to_toml

from ._device import say_device
from ._flags import Flags
from ._init import inherited, opened, remark_on
from ._outputs import check_output, refuse_inputs
from ._plan import lacks_init, open_halves
from ._progress import loading, progress
from ._say import speaker, warn
from ._streams import silence_stdout
from ._torchrun import is_first


def train(stage: str, flags: Flags, overrides: dict[str, Any], run_stage: Callable) -> None:
    """Resolve the recipe, open the frames and call `run_stage(halves, recipe, run, start, preset)`."""
    if not is_first():
        flags = replace(flags, quiet=True)
    start = opened(stage, flags)
    header = start.header if start else None
    preset, settings = inherited(flags, header)
    recipe = resolve(stage, preset, [*settings, *(flags.settings or ())], overrides)
    if flags.show_recipe:
        print(to_toml(stage, recipe), end="")
        return
    frames, output = _required(flags)
    with loading(stage, flags.quiet):
        from comedian.data.loader import decoding_threads
        from comedian.devices import pick_device
        from comedian.distributed import processes
        from comedian.training.precision import settled
        from comedian.training.run import Run
        from comedian.weights.start import Start

    if lacks_init(flags):
        from comedian.training.stand_ins import StartToBe

        start = StartToBe(str(flags.init), distilled=stage == "finetune")
    start = start or Start(flags.init)
    with processes(pick_device(flags.device)) as device, progress(flags.quiet) as report:
        made_from = {"--init": start.fingerprint}
        how = flags.workers or decoding_threads(device), flags.seed, flags.recompute, flags.resume
        run = Run(output, device, *how, made_from, report, _emit)
        _check_state(stage, flags, run.state_path)
        halves = open_halves(frames, flags)
        for path in run.written:
            check_output(path)
        files = [file.path for file in halves.files]
        refuse_inputs(run.written, [*files, flags.init or "", flags.recipe or ""])
        if not run.state_path.exists():  # else it was said when the run began
            remark_on(stage, flags, header)
        recipe, why = settled(recipe, device, run.state_path if run.resume else None)
        say_device(stage, flags.device, device, flags.quiet, recipe.precision, why)
        try:
            with _curves(stage, flags, run.state_path.exists()) as scalar:
                run_stage(halves, recipe, replace(run, scalar=scalar), start, preset)
        except (KeyboardInterrupt, RuntimeError) as end:
            if run.state_path.exists():
                end.add_note("--resume goes on")
            raise


def _required(flags: Flags) -> tuple[list[str], Path]:
    """The frames and the output, without which nothing but the recipe can be shown."""
    if not flags.frames:
        raise InputError("no frames were given", remedy="name frames files, folders or lists")
    if flags.output is None:
        raise InputError("no output was given", remedy="name a weights file with -o")
    check_output(flags.output)
    return flags.frames, flags.output


def _curves(stage: str, flags: Flags, resumed: bool) -> AbstractContextManager:
    """What takes values of curves, from the first process."""
    if flags.tensorboard is None or flags.plan or not is_first():
        return nullcontext()
    check_output(flags.tensorboard / "events")
    from comedian.training.board import board

    return board(flags.tensorboard, resumed, speaker(stage, flags.quiet))


def _check_state(stage: str, flags: Flags, state) -> None:
    if state.exists() and not flags.resume and not flags.plan:
        raise InputError("an interrupted run left it", state, "go on with --resume, or delete it")
    if flags.resume and not state.exists() and not flags.quiet:
        warn(stage, "nothing to resume, beginning anew")


def _emit(record: dict) -> None:
    """One line an epoch; that nobody reads on is no reason to stop training."""
    try:
        print(json.dumps(record), flush=True)
    except BrokenPipeError:
        silence_stdout()
