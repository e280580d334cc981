"""Scores of halves: decoded, encoded, and windows slid over them; or saved ones in their place."""

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from comedian import distributed
from comedian.errors import InputError
from comedian.formats.frames import Geometry, as_kept
from comedian.formats.scores import Scores, ScoresFile
from comedian.models.exported import ExportedSpotter
from comedian.models.spotter import Spotter
from comedian.progress import Report, silent
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.decoding import Decoding
from comedian.spotting.halves import Skip, Source, check_frames, halves_of
from comedian.spotting.merge import Said, averaged
from comedian.spotting.shard import in_order
from comedian.spotting.sliding import are_alike, join, score_stream
from comedian.video.parallel import own_cores
from comedian.weights.load import load_spotter


def load_ensemble(paths: Sequence[str | Path]) -> list[Spotter]:
    """The spotters of some weights files; InputError unless they see the same frames and name the same
    classes.
    """
    spotters = [load_spotter(path) for path in paths]
    for path, spotter in zip(paths, spotters, strict=True):
        if not are_alike(spotters[0], spotter):
            raise InputError(
                f"has other classes or frames than {paths[0]}", path, "ensemble models of one kind"
            )
    return spotters


def score_sources(
    sources: Sequence[Source],
    spotters: Sequence[Spotter],
    spot: SpotRecipe,
    device: torch.device,
    report: Report = silent,
    say: Callable[[str], None] = lambda message: None,
    skip: Skip | None = None,
    begun: Decoding | None = None,
) -> Generator[Scores, None, None]:
    """Score halves one after the other; yield runs of final scores, several a half, in time order.

    Several processes share the halves: the first one yields the scores of all, the others nothing.

    Args:
        spotters: several are averaged.
        report: moves a progress bar (task, seconds done, seconds in all).
        say: takes one line about each damaged video.
        skip: takes the error of a video that cannot be decoded, and the others go on; None raises it.
        begun: the first half's frames, if they are decoded already.

    Raises:
        InputError: a video cannot be decoded, or frames differ from what the model was trained on (that
            is looked at before anything is scored).
    """
    for source in sources:
        check_frames(source, spotters[0].trained_on)
    device = device_for(spotters, device, say)

    def work(number: int) -> Iterator[Scores | str | InputError]:
        """Scores of a half, and after them what is to be said of it if somebody else is to say it."""
        remarks: list[str] = []
        hear = remarks.append if distributed.rank() else say
        try:
            ready = None if number else begun
            yield from score_source(sources[number], spotters, spot, device, hear, ready)
        except InputError as error:
            if skip is None:
                raise
            yield error
        yield from remarks

    for number, items in enumerate(in_order(len(sources), work)):
        source = sources[number]
        task = f"{number + 1}/{len(sources)} {source.path.name}"
        for item in items:
            if isinstance(item, str):
                say(item)
                continue
            if isinstance(item, InputError):
                skip(item) if skip else None
                continue
            report(task, item.seconds[-1], source.duration_seconds)
            yield item
        report(task, 1.0, 1.0)


def score_source(
    source: Source,
    spotters: Sequence[Spotter],
    spot: SpotRecipe,
    device: torch.device,
    say: Callable[[str], None] = lambda message: None,
    begun: Decoding | None = None,
) -> Iterator[Scores]:
    """Decode in the background and score one half, run by run of final scores."""
    decoding = _decoding((source, spotters[0].trained_on, decoders(device)), begun)
    start_ms = source.period and source.period.start_ms
    frames = as_known(decoding.frames(say), source, spotters)
    return score_stream(frames, spotters, spot, device, source.video, source.half, start_ms)


def as_known(
    frames: Iterator[tuple[float, np.ndarray]], source: Source, spotters: Sequence[Spotter]
) -> Iterator[tuple[float, np.ndarray]]:
    """Frames of a half (seconds, uint8 (H, W, 3)) as training saw them: JPEGs, if one must see those."""
    quality = max(spotter.jpeg_quality for spotter in spotters)
    return as_kept(frames, quality) if quality and not source.frames else frames


def score_video(
    path: str | Path, spotters: Sequence[Spotter], device: torch.device | str = "cpu"
) -> Scores:
    """All scores of one video or frames file, windows sliding as the first spotter was trained.

    Raises:
        InputError: it is none, or holds several periods.
    """
    if Path(path).is_dir():
        raise InputError("is a folder", path, "name one video or frames file")
    source, *others = halves_of(Path(path))
    if others:
        raise InputError(f"holds {1 + len(others)} periods", path, "score it with score_sources")
    check_frames(source, spotters[0].trained_on)
    device = device_for(spotters, torch.device(device), warnings.warn)
    return join(score_source(source, spotters, spotters[0].spot, device))


def average_saved(files: Sequence[ScoresFile]) -> Generator[Scores, None, None]:
    """The halves of saved scores; a half that several files hold is averaged, as an ensemble.

    Of several processes only the first one has anything to do.
    """
    if distributed.rank():
        return
    found: dict[tuple[str, int], list[Scores]] = {}
    for file in files:
        if file.classes != files[0].classes:
            raise InputError(f"has other classes than {files[0].path}", file.path, "use scores of one kind")
        for half in file:
            found.setdefault((half.video, half.half), []).append(half)
    for (video, number), halves in found.items():
        if any(not np.array_equal(half.seconds, halves[0].seconds) for half in halves):
            raise InputError(f"scores of {video} are of other times", remedy="use scores of equal frames")
        said = averaged([Said(half.probabilities, half.offsets) for half in halves])
        first = halves[0]
        yield Scores(video, number, first.seconds, said.probabilities, first.video_start_ms, said.offsets)


def join_halves(runs: Iterable[Scores]) -> list[Scores]:
    """Consecutive runs of each half as one."""
    return [join(parts) for _, parts in groupby(runs, key=lambda run: (run.video, run.half))]


def device_for(
    spotters: Sequence[Spotter], device: torch.device, say: Callable[[str], None]
) -> torch.device:
    """The device, or the CPU where a spotter runs nowhere else."""
    if device.type == "cpu" or not any(isinstance(spotter, ExportedSpotter) for spotter in spotters):
        return device
    say(f"an ONNX model runs on the CPU, {device} is not used")
    return torch.device("cpu")


def decoders(device: torch.device) -> int:
    """Processes that decode a video: one keeps ahead of a network on the CPU, a GPU waits for all."""
    return own_cores() if device.type == "cuda" else 1


def _decoding(wanted: tuple[Source, Geometry, int], begun: Decoding | None) -> Decoding:
    """What was begun, if it is of that kind; a card's several processes begin anew."""
    if begun and begun.of == wanted:
        return begun
    if begun:
        begun.close()
    return Decoding(*wanted)
