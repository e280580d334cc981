"""What spotting would take: a trial spots the beginning of the first half, for some seconds."""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch

from comedian import distributed
from comedian.errors import some_of
from comedian.formats.scores import GROUP_BYTES
from comedian.models.spotter import Spotter
from comedian.plans import NOT_KNOWN, Plan, Timed, Written, counted, duration, peak_bytes, size
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import SpotRecipe
from comedian.recipes.suppress import THRESHOLD
from comedian.spotting.decoding import FRAMES_AHEAD
from comedian.spotting.encode import chunk_tokens
from comedian.spotting.halves import Source, check_frames, frames_of
from comedian.spotting.prefetch import ahead
from comedian.spotting.sliding import join, score_stream
from comedian.spotting.sources import as_known, decoders, device_for
from comedian.spotting.spots import to_spots

TRIAL_SECONDS = 5.0
PROBABILITY = 4  # bytes
TIME = 8


class _Tried(NamedTuple):
    """Seconds that some frames took, and bytes of their spots."""

    spent: float
    frames: int
    num_bytes: int


def spotting_plan(
    sources: Sequence[Source],
    spotters: Sequence[Spotter],
    recipe: SpotRecipe,
    device: torch.device,
    threshold: float = THRESHOLD,
    output: Path | None = None,
    scores: Path | None = None,
) -> Plan:
    """What `score_sources` would take of these halves, from a trial of some seconds; nothing is written.

    Of several processes each makes the trial at the same time, as they would work.

    Args:
        threshold: least confidence of a spot.
        output: where spots go; None is standard output.
        scores: where scores are kept, too.

    Raises:
        InputError: a video cannot be decoded, or frames differ from what the model was trained on.
    """
    geometry, device = spotters[0].trained_on, device_for(spotters, device, lambda message: None)
    for source in sources:
        check_frames(source, geometry)
    known = [source.duration_seconds for source in sources if source.duration_seconds is not None]
    tokens = round(sum(known) * geometry.fps / TUBELET_FRAMES)
    began = perf_counter()
    tried = _try(sources[0], spotters, recipe, device, threshold) if sources else _Tried(0.0, 0, 0)
    spent = perf_counter() - began
    whole = len(known) == len(sources)
    of_a_token = TUBELET_FRAMES * tried.spent / max(tried.frames, 1)
    of_spots = round(tokens * TUBELET_FRAMES * tried.num_bytes / max(tried.frames, 1))
    files = [Written(str(output) if output else "standard output", of_spots if whole else None)]
    if scores:
        values = len(spotters[0].classes) * (1 + any(one.offset_reach_seconds > 0 for one in spotters))
        of_scores = tokens * (TIME + PROBABILITY * values) + GROUP_BYTES * len(sources)
        files.append(Written(str(scores), of_scores if whole else None))
    stride = recipe.stride_tokens or max(spotters[0].recipe.num_tokens // 2, 1)
    bytes_read = sum(source.path.stat().st_size for source in sources)
    media = f"{counted(len(sources), 'half')}, {duration(sum(known))} of video"
    windows = f"about {counted(-(-tokens // stride), 'window')} for {counted(len(spotters), 'spotter')}"
    return Plan(
        steps=[f"{media}: {counted(tokens, 'token')}, {windows}"],
        times=[Timed("spotting", tokens * of_a_token / distributed.world_size() if whole else None)],
        memory=_memory(device),
        folder=next((path.parent for path in (output, scores) if path), None),
        written=files,
        reads=f"{counted(len(sources), 'file')} ({size(bytes_read)})",
        trial=f"{duration(spent)}: {counted(tried.frames, 'frame')} of one half, on {device}",
        remarks=_remarks(sources),
    )


def _try(
    source: Source,
    spotters: Sequence[Spotter],
    recipe: SpotRecipe,
    device: torch.device,
    threshold: float,
) -> _Tried:
    """Spot the beginning of a half, as long as the trial lasts, after a first chunk that warms up."""
    geometry, counter = spotters[0].trained_on, [0]

    def frames() -> Generator[tuple[float, np.ndarray], None, None]:
        return ahead(frames_of(source, geometry, decoders(device)), FRAMES_AHEAD)

    with closing(frames()) as some:
        first = as_known(islice(some, chunk_tokens(device) * TUBELET_FRAMES), source, spotters)
        list(score_stream(first, spotters, recipe, device))
    began = perf_counter()
    with closing(frames()) as some:
        taken = as_known(_for_seconds(some, TRIAL_SECONDS, counter), source, spotters)
        scores = join(score_stream(taken, spotters, recipe, device, source.video, source.half))
    spent = perf_counter() - began
    spots = to_spots(scores, spotters[0].classes, threshold)
    lines = (json.dumps(spot, ensure_ascii=False) for spot in spots)
    return _Tried(spent, counter[0], sum(len(line.encode()) + 1 for line in lines))


def _for_seconds(frames: Iterable, seconds: float, counter: list[int]) -> Iterator:
    """Frames as long as there is time; they are counted."""
    began = perf_counter()
    for frame in frames:
        counter[0] += 1
        yield frame
        if perf_counter() - began > seconds:
            return


def _memory(device: torch.device) -> str:
    """What the trial took at most: spotting takes no more of a longer video."""
    own = peak_bytes()
    if device.type != "cuda":
        return f"{size(own)}, seen in the trial; the same for videos of any length"
    of_card = torch.cuda.max_memory_reserved(device)
    return f"{size(of_card)} of the device and {size(own)} of the machine, seen in the trial"


def _remarks(sources: Sequence[Source]) -> list[str]:
    unknown = [str(source.path) for source in sources if source.duration_seconds is None]
    return [f"no header tells how long {some_of(unknown)} last: time {NOT_KNOWN}"] if unknown else []
