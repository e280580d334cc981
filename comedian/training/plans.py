"""What a step of training would take: time by short trials of its stages, memory by the shapes.

Letters: L tokens of a window, n frames of a part of a half, B clips of a process's share of a batch.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from comedian import distributed
from comedian.data.halves import Halves
from comedian.data.token_loader import TokenLoader
from comedian.devices import describe, device_bytes
from comedian.formats.actions import Action
from comedian.formats.bank import Bank
from comedian.formats.frames import FramesFile
from comedian.formats.tokens import TokensFile
from comedian.plans import Plan, Timed, Written, counted, duration, free_bytes, size
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import DistillRecipe, FinetuneRecipe, PretrainSpatialRecipe
from comedian.training import distill, finetune, pretrain_spatial
from comedian.training.finetune import FROZEN_STAGE, FinetuneStep
from comedian.training.frozen import missing_views, some_tokens
from comedian.training.loop import Stage, mixes_precision
from comedian.training.memory import need
from comedian.training.outlook import FITTING, OPTIMS
from comedian.training.run import Run
from comedian.training.stand_ins import FramesToBe, StartToBe
from comedian.training.state import read_place
from comedian.training.trial import Tried, agreed, try_out
from comedian.training.validate import Validation
from comedian.weights.start import Start

RECORD_BYTES = 250  # of an epoch's line
PART_SECONDS = 2.0  # that a part of a half should take, of validation and of encoding
TOKEN_BYTES = 2  # of a number of a feature


@dataclass(frozen=True)
class _Part:
    """A stage and what was found of it: epochs that are left, its trial (None without memory), bytes."""

    stage: Stage
    epochs: float
    tried: Tried | None
    memory_bytes: int

    @property
    def seconds(self) -> float | None:
        """Of all its epochs; the spotter so far takes no longer to write than the state."""
        if self.tried is None:
            return None
        of_so_far = self.tried.state_seconds if isinstance(self.stage.step, FinetuneStep) else 0.0
        return self.epochs * (self.tried.epoch(self.stage.epochs.iterations) + of_so_far)


def pretraining_plan(
    halves: Halves, recipe: PretrainSpatialRecipe, run: Run, start: Start | None = None
) -> Plan:
    """What step 1 would take, from a trial of some seconds; nothing is written. As `pretrain_spatial`."""
    start = start or Start()
    stage = pretrain_spatial.prepare(halves, recipe, run, start)
    with stage.epochs:
        part = _part(stage, recipe, halves, run)
    return _plan([part], recipe, halves, run, start)


def distillation_plan(
    halves: Halves, bank: Bank, recipe: DistillRecipe, run: Run, start: Start | None = None
) -> Plan:
    """What step 2 would take, from a trial of some seconds; nothing is written. As `distill`."""
    start = start or Start()
    stage = distill.prepare(halves, bank, recipe, run, start)
    with stage.epochs:
        part = _part(stage, recipe, halves, run, bank)
    return _plan([part], recipe, halves, run, start, reads=[bank.path])


def finetuning_plan(
    halves: Halves,
    actions: Sequence[Sequence[Action]],
    recipe: FinetuneRecipe,
    run: Run,
    start: Start | None = None,
    validation: Validation | None = None,
) -> Plan:
    """What step 3 would take, from trials of some seconds; nothing is written. As `finetune`.

    Raises:
        InputError: as `finetune`.
    """
    start = start or Start()
    step, stages, targets = finetune.prepare(halves, actions, recipe, run, start, validation)
    encoding = _Encoding(step, halves, validation, run) if recipe.freeze else None
    parts = []
    for name, optim in stages:
        loader = encoding.loader() if encoding and name == FROZEN_STAGE else None
        stage = finetune.stage_of(name, step, optim, halves, targets, run, loader)
        with stage.epochs:
            parts.append(_part(stage, recipe, halves, run, name=OPTIMS[name]))
    judging = _judging(step, parts, validation, run, encoding) if validation else []
    once = [Timed("encoding", encoding.seconds)] if encoding else []
    reads = [file.path for file in validation.halves.files] if validation else []
    remarks = [encoding.remark] if encoding and encoding.num_bytes else []
    return _plan(parts, recipe, halves, run, start, once, judging, reads, remarks)


def _part(
    stage: Stage, recipe: Any, halves: Halves, run: Run, bank: Bank | None = None, name: str = "optim"
) -> _Part:
    """Try a stage out with what there is memory for; `name` is that of its optimiser in the recipe."""
    share = stage.optim.batch_size // distributed.world_size()
    together = -(-share // stage.optim.accumulate)

    def bytes_of(clips: int) -> int:
        optim = replace(getattr(recipe, name), batch_size=clips * distributed.world_size(), accumulate=1)
        frame = halves.geometry.height, halves.geometry.width
        half = mixes_precision(run.device, recipe.precision)
        needed = need(replace(recipe, **{name: optim}), frame, name, half, run.recompute, bank)
        return needed.of(min(clips, together))

    limit, most = FITTING * device_bytes(run.device), share
    while bytes_of(most) > limit and most > stage.together:
        most = max(most // 2, stage.together)
    tried = try_out(stage, run, most) if bytes_of(most) <= limit else None
    return _Part(stage, _epochs_left(stage, run), tried, bytes_of(share))


def _epochs_left(stage: Stage, run: Run) -> float:
    """Epochs of a stage, of a run that goes on those that are left."""
    if not (run.resume and run.state_path.exists()):
        return stage.optim.epochs
    place = read_place(run.state_path)
    if place["stage"] != stage.name:
        reached = stage.name == finetune.FULL_STAGE  # which is the last of two
        return stage.optim.epochs if reached else 0.0
    done = place["epochs_done"] + place["iterations_into_epoch"] / stage.epochs.iterations
    return stage.optim.epochs - done


def _judging(
    step: FinetuneStep,
    parts: Sequence[_Part],
    validation: Validation,
    run: Run,
    encoding: "_Encoding | None",
) -> list[Timed]:
    """Validation after each epoch that is left, once more, and a choice, from those of a part of a half."""
    frozen = sum(part.epochs for part in parts if part.stage.name == FROZEN_STAGE)
    epochs = sum(part.epochs for part in parts)
    known = _seconds_of_a_pass(step, validation, run, encoding) if frozen else 0.0
    asked = _seconds_of_a_pass(step, validation, run, None)
    judging = [Timed("validation", frozen * known + (epochs - frozen + 1) * asked)]
    if step.recipe.choose_spot:
        took = _seconds_of_a_pass(step, validation, run, encoding, chooses=True)
        judging.append(Timed("choice of windows", took))
    return judging


def _seconds_of_a_pass(
    step: FinetuneStep,
    validation: Validation,
    run: Run,
    encoding: "_Encoding | None",
    chooses: bool = False,
) -> float:
    """Of all halves to validate on, that are judged, or for which windows are chosen."""
    number = max(range(len(validation.actions)), key=lambda half: len(validation.actions[half]))
    file, length = validation.halves.files[number], step.recipe.model.num_frames
    total = sum(len(one) for one in validation.halves.files) / distributed.world_size()
    while True:
        some, began = _beginning(file, length), perf_counter()
        tokens = [encoding.of(len(some) // TUBELET_FRAMES)] if encoding else []
        one = Validation(_only(validation.halves, number, some), [validation.actions[number]], tokens)
        (one.choose if chooses else one.judge)(step.spotter.to(run.device), run.device)
        took = agreed(perf_counter() - began)
        if took > PART_SECONDS / 2 or len(some) < length:
            return took / len(some) * total
        length *= max(2, int(PART_SECONDS / took))


class _Encoding:
    """What a frozen spatial transformer makes of everything, from what it makes of a part of a half."""

    def __init__(self, step: FinetuneStep, halves: Halves, validation: Validation | None, run: Run):
        recipe, spatial = step.recipe, step.spotter.spatial
        self._halves, self._num_frames = halves, recipe.model.num_frames
        some = _beginning(halves.files[0], self._num_frames)
        views = (recipe.view, recipe.frozen_views)
        some_tokens(some, spatial, recipe.view, 0, run.device)  # warms up
        began = perf_counter()
        self._features = some_tokens(some, spatial, *views, run.device)
        spent = agreed(perf_counter() - began) / len(some) / len(self._features)
        todo = list(zip(halves.files, missing_views(halves, spatial, *views), strict=True))
        if validation:
            missing = missing_views(validation.halves, spatial, recipe.view, 0)
            todo += zip(validation.halves.files, missing, strict=True)
        frames = sum(len(file) * missing for file, missing in todo)
        self.seconds = spent * frames / distributed.world_size()
        self.num_bytes = TOKEN_BYTES * self._features[0].shape[1] * frames // TUBELET_FRAMES

    @property
    def remark(self) -> str:
        """Where its features are kept."""
        folder = self._halves.files[0].path.parent
        return (
            f"keeps {size(self.num_bytes)} of features beside the frames, {size(free_bytes(folder))} free"
        )

    def loader(self) -> TokenLoader:
        """As that of a run; every half has the same features."""
        files = [cast(TokensFile, _Kept(view)) for view in self._features]
        return TokenLoader([files] * len(self._halves.files), self._num_frames)

    def of(self, number: int) -> TokensFile:
        """So many tokens."""
        return cast(TokensFile, _Kept(np.resize(self._features[0], (number, self._features[0].shape[1]))))


class _Kept:
    """Features in memory, read like a file of any length."""

    def __init__(self, features: np.ndarray):
        self._features = features.astype(np.float16)

    def __len__(self) -> int:
        return len(self._features)

    def read(self, first: int, number: int) -> np.ndarray:
        """So many tokens, (number, D')."""
        first %= len(self) - number + 1
        return self._features[first : first + number]


def _beginning(file: FramesFile, frames: int) -> FramesFile:
    """The first n frames of a file."""
    some = copy(file)
    some.seconds = some.seconds[:frames]
    return some


def _only(halves: Halves, number: int, file: FramesFile) -> Halves:
    return Halves([file], [0], [halves.name_of(number)])


def _plan(
    parts: Sequence[_Part],
    recipe: Any,
    halves: Halves,
    run: Run,
    start: Start,
    once: Sequence[Timed] = (),
    judging: Sequence[Timed] = (),
    reads: Sequence[Path] = (),
    remarks: Sequence[str] = (),
) -> Plan:
    """All of a step."""
    clips = "clip" if isinstance(recipe, PretrainSpatialRecipe) else "window"
    weights, epochs = _bytes_of(parts[0].stage.parts.values()), sum(part.epochs for part in parts)
    state = max((part.tried.state_bytes for part in parts if part.tried), default=None)
    named = [file.path for file in halves.files] + list(reads) + start.files
    inputs = [path for path in named if path.exists()]
    meanwhile = [Written(run.state_path.name, state), Written("a new one beside it", state)]
    if isinstance(recipe, FinetuneRecipe):
        meanwhile.append(Written(run.so_far_path.name, weights))
    return Plan(
        steps=[_step(part, clips) for part in parts],
        times=[*once, *(Timed(part.stage.name, part.seconds) for part in parts), *judging],
        memory=_memory(max(part.memory_bytes for part in parts), run.device),
        folder=run.output.parent,
        written=[
            Written(run.output.name, weights),
            Written(run.epochs_path.name, round(RECORD_BYTES * epochs)),
        ],
        meanwhile=meanwhile,
        reads=f"{counted(len(inputs), 'file')} ({size(sum(path.stat().st_size for path in inputs))})",
        trial=_trial(parts, run, recipe, clips),
        remarks=[*remarks, *_not_yet(halves, reads, start)],
    )


def _not_yet(halves: Halves, reads: Sequence[Path], start: Start) -> list[str]:
    """What stands in for files that are not made yet."""
    said = []
    if isinstance(halves.files[0], FramesToBe):
        file = halves.files[0]
        pictures = f"some of {file.path.name}, {file.width}x{file.height}"
        said.append(f"the frames are not extracted yet: lengths by headers, pictures {pictures}")
    if any(not path.exists() for path in reads):
        said.append("the bank is not made yet: a row a second, of the usual width")
    if isinstance(start, StartToBe):
        said.append(f"{start.text} is not there yet: random weights")
    return said


def _step(part: _Part, clips: str) -> str:
    number = part.stage.epochs.iterations
    each = f"{counted(number, 'iteration')} of {counted(part.stage.optim.batch_size, clips)}"
    epochs = f"{part.epochs:,.4g} epoch{'s' * (part.epochs != 1)}"
    return f"{part.stage.name}: {epochs} of {each}"


def _memory(num_bytes: int, device: torch.device) -> str:
    """What the shapes say, beside what there is."""
    there = device_bytes(device)
    whose = "the device" if device.type == "cuda" else "this machine"
    said = f"about {size(num_bytes)} by the shapes, {whose} has {size(there)}"
    if num_bytes <= there:
        return said
    return f"{said}: TOO LITTLE, --memory {int(FITTING * there / 1e9)}GB would pass batches in parts"


def _trial(parts: Sequence[_Part], run: Run, recipe: Any, clips: str) -> str:
    tried = [(part.stage.name, part.tried) for part in parts if part.tried]
    where = describe(run.device.type, run.device, recipe.precision, "")
    if not tried:
        return f"none {where}: there is no memory for the fewest {clips}s"
    each = (
        f"{counted(one.iterations, 'iteration')} of {counted(one.clips, clips)} of {name}"
        for name, one in tried
    )
    return f"{duration(sum(one.spent for _, one in tried))} {where}: {', '.join(each)}"


def _bytes_of(modules: Any) -> int:
    """Of the weights of some modules as a file."""
    values = [value for module in modules for value in cast(nn.Module, module).state_dict().values()]
    return sum(value.numel() * value.element_size() for value in values)
