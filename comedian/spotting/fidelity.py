"""What a spotter's export is worth beside the spotter: on the same games, in probabilities and tight a-mAP.

And tubelets of real frames, which fix the ranges of an export in integers.

Letters: N tubelets, h × w pixels.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from comedian.data.augment import to_input
from comedian.errors import InputError
from comedian.evaluation.classes import classes_of
from comedian.evaluation.metrics import evaluate
from comedian.evaluation.pairing import Videos, collect, pair, pair_others
from comedian.formats.lookup import Labels, labels_beside
from comedian.formats.scores import Scores
from comedian.models.spotter import Spotter
from comedian.progress import Report, silent
from comedian.spotting.halves import Source, check_frames, find_sources, frames_of
from comedian.spotting.sliding import tubelets_of
from comedian.spotting.sources import as_known, join_halves, score_sources
from comedian.spotting.spots import to_spots
from comedian.spotting.suppress import suppress

CPU = torch.device("cpu")
CHUNK = 8  # tubelets that are drawn, and calibrate, together
CHUNKS = 32
KEY = "a_mAP_present_classes"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Fidelity:
    """An export beside its spotter.

    Attributes:
        halves: number of those that both scored.
        largest_difference: of a probability.
        games: number of those that have labels.
        before, after: tight a-mAP over the classes with labels, fractions of 1; 0 without labels.
    """

    halves: int
    largest_difference: float
    games: int = 0
    before: float = 0.0
    after: float = 0.0

    def __str__(self) -> str:
        number = "1 half" if self.halves == 1 else f"{self.halves} halves"
        told = f"on {number} probabilities differ by up to {self.largest_difference:.1e}"
        if not self.games:
            return f"{told}; no labels beside them, so that nobody knows the cost in a-mAP"
        points = 100 * (self.after - self.before)
        scores = f"{100 * self.before:.2f} -> {100 * self.after:.2f}, {points:+.2f} points"
        games = "1 game" if self.games == 1 else f"{self.games} games"
        return f"{told}; tight a-mAP of {games} {scores}"


def compare_export(
    spotter: Spotter,
    export: Spotter,
    sources: Sequence[Source],
    labels: Path | None = None,
    report: Report = silent,
    say: Say = lambda message: None,
) -> Fidelity:
    """Spot the same halves with a spotter and with its export, both on the CPU.

    Args:
        labels: as `Labels` takes them; None is those beside the videos, if there are some.

    Raises:
        InputError: a half cannot be read, or labels are named and there are none for it.
    """
    both = [
        join_halves(score_sources(sources, [one], spotter.spot, CPU, report, say))
        for one in (spotter, export)
    ]
    differences = [
        np.abs(one.probabilities - other.probabilities).max() for one, other in zip(*both, strict=True)
    ]
    largest = float(max(differences, default=0.0))
    if labels is None and not any(labels_beside(half.video) for half in both[0]):
        return Fidelity(len(differences), largest)
    before, after = (_spots(halves, spotter) for halves in both)
    known = Labels(before, labels)
    games, _ = pair(before, known)
    others, _ = pair_others(after, known, games, "the export")
    names, _ = classes_of(games)
    scores = [evaluate(some, names)["metrics"]["tight"][KEY] for some in (games, others)]
    return Fidelity(len(differences), largest, len(games), *scores)


def find_halves(
    names: Sequence[str] | None, root: Path | None = None, prefer: str | None = None
) -> list[Source]:
    """The halves that some names mean, none for none; InputError where those are saved scores."""
    halves, saved = find_sources(names or (), root, prefer)
    if saved:
        raise InputError("holds saved scores", saved[0].path, "name videos or frames")
    return halves


def _spots(halves: Sequence[Scores], spotter: Spotter) -> Videos:
    found = (spot for half in halves for spot in to_spots(half, spotter.classes))
    return collect(suppress(found, spotter.spot.suppression, spotter.spot.window_seconds))


def draw_tubelets(sources: Sequence[Source], spotter: Spotter, say: Say) -> Iterator[Tensor]:
    """Batches of normalised tubelets (N, 3, 2, h, w), drawn from all of some halves by a fixed seed."""
    draw = random.Random(0)
    kept: list[np.ndarray] = []
    for number, frames in enumerate(_chunks(sources, spotter, say)):
        place = number if number < CHUNKS else draw.randrange(number + 1)  # each chunk has the same chance
        if place < CHUNKS:
            kept[place : place + 1] = [frames]
    for frames in kept:
        pixels = torch.from_numpy(frames)
        yield to_input(pixels, spotter.recipe.image_size, spotter.mean, spotter.std)


def _chunks(sources: Sequence[Source], spotter: Spotter, say: Say) -> Iterator[np.ndarray]:
    """All tubelets of some halves, uint8 (N, 2, H, W, 3)."""
    for source in sources:
        check_frames(source, spotter.trained_on)
        seen = as_known(frames_of(source, spotter.trained_on, say=say), source, [spotter])
        for _, frames in tubelets_of(seen, CHUNK):
            yield frames
