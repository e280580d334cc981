"""What would stop a recipe before its end: lists, videos, labels, settings, disk, memory and cards.

Nothing is written; each finding is a line, and all are told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from comedian.data.check import Check, Wanted
from comedian.data.findings import Finding, of_error
from comedian.devices import device_bytes, has_cards, pick_device
from comedian.errors import InputError
from comedian.formats.games import FRAMES_SUFFIXES, VIDEO_SUFFIXES, Game, files_of, listed_games, read_list
from comedian.formats.naming import named
from comedian.plans import free_bytes, size
from comedian.progress import Report, silent
from comedian.recipes.frames import FramesRecipe
from comedian.recipes.resolve import resolve
from comedian.recipes.stages import STAGES
from comedian.training.accumulate import parts_of
from comedian.training.loop import mixes_precision
from comedian.training.memory import need, together_of, used_optims, weights_of
from comedian.video.extract import plan
from comedian.video.trial import extraction_plan

HIGH = 1.15  # times what a step takes the reckoning may say
A_WEIGHT = 44  # bytes: in five files of weights, and twice with AdamW's means in a state


@dataclass(frozen=True)
class Asked:
    """A recipe as `make recipe` runs it.

    Attributes:
        lists: "train", "valid" and "test" to lists of games; the first is needed.
        data: folder of the games and of their labels.
        work: folder of what is made.
        preset: recipe, or TOML file.
        settings, batch_sizes, epochs: words such as `16` or `model.depth=6` for all steps, `distill=16` or
            `distill.mask_share=0` for one.
        processes, machines: that train together on each of so many machines.
        prefer, frames, workers: as `extract-frames` takes them.
        features: ending of the feature files that the bank is made of; "" for a teacher.
        memory: bytes that `--memory` gives, or None.
    """

    lists: Mapping[str, Path]
    data: Path
    work: Path
    preset: str
    settings: Sequence[str] = ()
    batch_sizes: Sequence[str] = ()
    epochs: Sequence[str] = ()
    processes: int = 1
    machines: int = 1
    prefer: str | None = None
    frames: FramesRecipe = field(default_factory=FramesRecipe)
    features: str = ""
    memory: int | None = None
    workers: int | None = None


def findings(asked: Asked, report: Report = silent) -> Iterator[Finding]:
    """Yield what would stop it, and notes."""
    games: dict[str, list[Game]] = {name: [] for name in asked.lists}
    for name, path in asked.lists.items():
        yield from _read(asked, name, path, games[name])
    yield from _shared(asked.lists)
    yield from _halves(game for some in games.values() for game in some)
    recipes: dict[str, Any] = {}
    yield from dict.fromkeys(_recipes(asked, recipes))
    paths = files_of(game for some in games.values() for game in some)
    windows = [recipe.model.num_frames / asked.frames.fps for recipe in recipes.values()]
    wanted = Wanted(asked.data, prefer=asked.prefer, window_seconds=max(windows, default=0.0))
    yield from Check(wanted, report).findings(dict.fromkeys(paths)) if paths else ()
    yield from _cards(asked)
    yield from _memory(asked, recipes)
    yield from _disk(asked, [game for some in games.values() for game in some], recipes)


def _read(asked: Asked, role: str, path: Path, games: list[Game]) -> Iterator[Finding]:
    """Find the games of a list: their frames where all have them already, else their videos."""
    if not path.is_file():
        yield Finding(path, "no such list", "write one game a line, or name another folder with DATA=")
        return
    try:
        names = read_list(path)
    except InputError as error:
        yield of_error(error, path)
        return
    try:
        for name in names:
            games += listed_games(asked.work / "frames" / name, name, FRAMES_SUFFIXES, path)
    except InputError:
        games.clear()
        for name in names:
            try:
                games += listed_games(asked.data / name, name, VIDEO_SUFFIXES, path, asked.prefer)
            except InputError as error:
                yield of_error(error, path)
    if asked.features and role == "train":
        yield from _features(asked, path, names)


def _halves(games: Iterable[Game]) -> Iterator[Finding]:
    """Games of which one half is there."""
    for game in games:
        if game.folder and len(game.halves) == 1 and named(game.halves[0].path).half:
            half = game.halves[0]
            what = f"holds half {half.number} and no half {3 - half.number}"
            yield Finding(half.path.parent, what, "get it, if it was played", hurts=False)


def _features(asked: Asked, path: Path, names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        try:
            listed_games(asked.data / name, name, frozenset({asked.features.lower()}), path)
        except InputError as error:
            yield of_error(error, path)


def _shared(lists: Mapping[str, Path]) -> Iterator[Finding]:
    """Games of one list that stand in another, too."""
    seen: dict[str, Path] = {}
    for path in lists.values():
        names: dict[str, None] = {}
        with suppress(InputError, OSError):  # which were told
            names = dict.fromkeys(read_list(path))
        for name in names:
            if name in seen:
                yield Finding(path, f"{name!r} is also in {seen[name]}", "take it out of one of them")
        seen = {**dict.fromkeys(names, path), **seen}


def _recipes(asked: Asked, found: dict[str, Any]) -> Iterator[Finding]:
    """Resolve the recipe of each step, as its command will."""
    yield from _named(asked)
    for stage in STAGES:
        optims = {"finetune": ("head", "full", "frozen")}.get(stage, ("optim",))
        try:
            flags: dict[str, Any] = {}
            for optim in optims:
                flags[f"{optim}.batch_size"] = _number(stage, asked.batch_sizes)
                flags[f"{optim}.epochs"] = _number(stage, asked.epochs)
            settings = [word.removeprefix(f"{stage}.") for word in asked.settings if _is_for(stage, word)]
            recipe = resolve(stage, asked.preset, settings, flags)
            recipe.model.validate()
            found[stage] = recipe
        except InputError as error:
            yield of_error(error, "MODEL")
            continue
        yield from _batches(asked, stage, recipe)


def _named(asked: Asked) -> Iterator[Finding]:
    """Words for a step that there is not."""
    for name, words in (("BATCH", asked.batch_sizes), ("EPOCHS", asked.epochs)):
        for word in words:
            stage, equals, number = word.rpartition("=")
            if equals and stage not in STAGES:
                yield Finding(name, f"there is no step {stage!r}", f"name one of {', '.join(STAGES)}")
            if not number.isdecimal() or not int(number):
                yield Finding(name, f"{number!r} is no number from 1 on", f"write {name}=16, or distill=16")


def _number(stage: str, words: Sequence[str]) -> int | None:
    """What is said for a step, or else for all of them; what is no number was told."""
    parted = [word.rpartition("=") for word in words]
    numbers = {name: int(number) for name, _, number in parted if number.isdecimal() and int(number)}
    return numbers.get(stage, numbers.get(""))


def _is_for(stage: str, word: str) -> bool:
    head = word.partition(".")[0]
    return head == stage or head not in STAGES


def _batches(asked: Asked, stage: str, recipe: Any) -> Iterator[Finding]:
    """Batches that so many processes cannot share, or pass in so many parts."""
    processes = asked.processes * asked.machines
    for optim in used_optims(recipe):
        batch, mixes = getattr(recipe, optim).batch_size, getattr(recipe, "mixup_alpha", 0) > 0
        share, left = divmod(batch, processes)
        if left or (mixes and processes > 1 and share % 2):
            kind = "an even number each" if mixes else "as many each"
            what = f"{stage}: {processes} processes cannot share a batch of {batch}, {kind}"
            yield Finding("BATCH", what, f"set BATCH={stage}={2 * processes * max(share // 2, 1)}")
            continue
        try:
            parts_of(share, getattr(recipe, optim).accumulate, together_of(recipe, share))
        except InputError as error:
            yield Finding("SET", f"{stage}.{optim}: {error.what}", error.remedy or "")


def _cards(asked: Asked) -> Iterator[Finding]:
    """More processes than cards; and no card at all, which is only to be known."""
    cards = torch.cuda.device_count() if has_cards() else 0
    if not cards:
        what = "there is no CUDA device, everything runs on the CPU"
        yield Finding("LAUNCH", what, "see make plan for the hours", hurts=False)
    elif asked.processes > cards:
        what = f"{asked.processes} processes want a card each, there are {cards}"
        yield Finding("LAUNCH", what, f"start torchrun with --nproc-per-node {cards}")


def _memory(asked: Asked, recipes: Mapping[str, Any]) -> Iterator[Finding]:
    """Parts of a batch that do not fit, by the shapes."""
    if asked.memory is not None:
        return  # the parts are chosen so that they fit
    device = pick_device("auto")
    whose = "device" if device.type == "cuda" else "machine"
    there = device_bytes(device)
    for stage, recipe in recipes.items():
        for optim in used_optims(recipe):
            own = getattr(recipe, optim)
            share = max(own.batch_size // (asked.processes * asked.machines), 1)
            shared = replace(recipe, **{optim: replace(own, batch_size=share)})
            half = mixes_precision(device, recipe.precision)
            needed = need(shared, asked.frames.size[::-1], optim, half, False).of(
                -(-share // own.accumulate)
            )
            if needed > HIGH * there * (1 if whose == "device" else asked.processes**-1):
                what = (
                    f"{stage}: a batch of {share} needs about {size(needed)}, the {whose} has {size(there)}"
                )
                yield Finding("BATCH", what, f"set MEMORY={int(0.9 * there / 1e9)}GB, or a smaller BATCH")
                break


def _disk(asked: Asked, games: Sequence[Game], recipes: Mapping[str, Any]) -> Iterator[Finding]:
    """Frames that are not there yet, the bank and the weights, beside what is free."""
    needed = A_WEIGHT * sum(weights_of(recipe.model) for recipe in list(recipes.values())[:1])
    videos = [game for game in games if files_of([game])[0].suffix.lower() not in FRAMES_SUFFIXES]
    if videos:
        try:
            jobs, folder = plan(videos, asked.work / "frames"), asked.work / "frames"
            extraction = extraction_plan(
                jobs, asked.frames, folder, asked.workers, say=lambda message: None
            )
        except InputError as error:
            yield of_error(error, asked.data)
            return
        needed += extraction.num_bytes
    if needed > (free := free_bytes(asked.work)):
        what = f"frames and weights need about {size(needed)}, {size(free)} are free"
        yield Finding(asked.work, what, "free some, or choose another WORK")
