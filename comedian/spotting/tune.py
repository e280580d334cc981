"""Suppression settings from saved scores: chosen on some games, measured on those that were left out.

For every class the way of suppression that scores best is taken: kind, window, and the highest threshold
that costs next to nothing (none adds anything: the official score looks at all thresholds). What that
gains is measured on games that the choice has not seen (cross-validation): every game is suppressed as
chosen without its part, and all of them are scored together.

Letters: A ways of suppression, U units (games or halves), C classes, K tolerances; 200 thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product, starmap
from typing import NamedTuple

import numpy as np

from comedian.errors import InputError, some_of
from comedian.evaluation.compare import compare
from comedian.evaluation.counts import Counts, a_map_per_class, precisions
from comedian.evaluation.metrics import THRESHOLDS
from comedian.formats.classes import quoted
from comedian.formats.lookup import Labels
from comedian.formats.scores import Scores
from comedian.progress import Report, silent
from comedian.recipes.suppress import THRESHOLD, WINDOW_SECONDS
from comedian.recipes.suppression import Kind, Settings, Way
from comedian.spotting.tally import TOLERANCES, Tally, Unit, tally, units_of

WIDTHS_SECONDS = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 13.0, 16.0, 20.0, 25.0, 30.0)
KINDS: tuple[Kind, ...] = ("soft", "hard", "peak")
USUAL = Way("soft", WINDOW_SECONDS["soft"])  # what `nms` does without options
WAYS = tuple(
    dict.fromkeys([USUAL, *starmap(Way, product(KINDS, WIDTHS_SECONDS))])
)  # the first of equals wins
RANKS = (0, 2, 4, 8, 16, 32, 64)  # numbers of the thresholds that are tried, of the official 200
LOSS = 0.0005  # of average precision that a higher threshold may cost; it never adds any
MARGIN = 1  # so many ranks below the highest such threshold: other games need more
MIN_LABELS = 10  # a class with fewer is suppressed as what is best for all together
FOLDS, FEW = 5, 10  # up to so many units each is left out by itself
ROWS = {"tight": range(len(TOLERANCES))}
KEY = "a_mAP_present_classes"


class Choice(NamedTuple):
    """What is best for some units.

    Attributes:
        shared: number of the way for all classes together.
        ways: number of each class's way.
        ranks: number of each class's threshold.
    """

    shared: int
    ways: list[int]
    ranks: list[int]


@dataclass(frozen=True)
class Tuned:
    """Settings, and what they are worth.

    Attributes:
        settings: the usual ones where no others are better out of fold.
        gained: whether others are.
        comparison: `compare.compare`'s, out of fold: these are the chosen ways, other the usual one.
        labels: number by class, of those that have some.
        units: "games", or "halves" of the only one.
        number: of units.
        folds: parts that were left out in turn.
        remarks: what to beware of.
    """

    settings: Settings
    gained: bool
    comparison: dict
    labels: dict[str, int]
    units: str
    number: int
    folds: int
    remarks: list[str]


def tune(
    halves: Sequence[Scores],
    classes: Sequence[str],
    known: Labels,
    framerate: int = 2,
    report: Report = silent,
) -> Tuned:
    """The suppression settings that are best for tight a-mAP.

    Args:
        halves: saved scores.
        classes: names of the scores' columns.
        known: the labels of the halves' videos.
        framerate: of the evaluation; ball spotting has 25.
        report: moves a progress bar.

    Raises:
        InputError: there are no labels of any class, or fewer than two games or halves.
    """
    units, kind = units_of(halves, known)
    counts = _labels_of(units)
    columns = [number for number, label in enumerate(classes) if counts.get(label)]
    present = [classes[number] for number in columns]
    others = [label for label in counts if label not in classes]
    if not present:
        what = f"no label is one of the scores' classes: {quoted(others, classes) or 'there is none'}"
        raise InputError(what, known.given, "give the labels of these videos")
    found = tally(units, columns, present, WAYS, framerate, report)
    folds = _folds(len(units))
    comparison = compare(*_out_of_fold(found, folds), present, ROWS)
    gained = comparison["metrics"]["tight"][KEY]["difference"] > 0
    settings = _settings(_choose(found, np.arange(len(units))), present) if gained else Settings(USUAL)
    labels = dict(zip(present, found.labels.sum(axis=0).tolist(), strict=True))
    remarks = _remarks(kind, len(units), labels)
    if others:
        remarks.append(f"labels outside the scores' classes do not count: {quoted(others, classes)}")
    num_folds = len(set(folds.tolist()))
    return Tuned(settings, gained, comparison, labels, kind, len(units), num_folds, remarks)


def summary(tuned: Tuned) -> str:
    """What was gained, in one line."""
    found = tuned.comparison["metrics"]["tight"]
    pair = found[KEY]
    low, high = pair["interval"]
    each = "leaving out one" if tuned.folds == tuned.number else f"in {tuned.folds} parts"
    verdict = ": which may be chance" if low <= 0 else ""
    verdict = verdict if tuned.gained else ": no gain, so these are the usual settings"
    return (
        f"out of fold ({tuned.number} {tuned.units}, {each}) tight a-mAP {pair['other']:.4f} -> "
        f"{pair['these']:.4f}, {pair['difference']:+.4f} (95 % {low:+.4f} to {high:+.4f}, p "
        f"{found['p']:.2g}){verdict}"
    )


def notes(tuned: Tuned) -> dict[str, str]:
    """What was gained, class by class."""
    found = tuned.comparison["metrics"]["tight"]["a_mAP_per_class"]
    said = {}
    for label, number in tuned.labels.items():
        count = "1 label" if number == 1 else f"{number} labels"
        said[label] = f"{count}; out of fold {found[label]['other']:.4f} -> {found[label]['these']:.4f}"
    return said


def _labels_of(units: Sequence[Unit]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for unit in units:
        for action in unit.actions:
            counts[action.label] = counts.get(action.label, 0) + 1
    return counts


def _folds(number: int) -> np.ndarray:
    """The part of each unit, (U,): by itself where there are few, else drawn, all about as large."""
    if number <= FEW:
        return np.arange(number)
    return np.random.default_rng(0).permutation(np.arange(number) % FOLDS)


def _out_of_fold(found: Tally, folds: np.ndarray) -> tuple[Counts, Counts]:
    """Counts of units that are suppressed as chosen without their part, and of the usual suppression."""
    usual = Counts(*(part.astype(np.float64) for part in (found.true[0], found.spots[0], found.labels)))
    true, spots = usual.true.copy(), usual.spots.copy()
    for fold in sorted(set(folds.tolist())):
        out = np.flatnonzero(folds == fold)
        choice = _choose(found, np.flatnonzero(folds != fold))
        for number, (way, rank) in enumerate(zip(choice.ways, choice.ranks, strict=True)):
            true[out, :, number] = _cut(found.true[way, out, :, number], rank)
            spots[out, number] = _cut(found.spots[way, out, number], rank)
    return Counts(true, spots, usual.labels), usual


def _choose(found: Tally, units: np.ndarray) -> Choice:
    """What is best for some units, each class by itself and all together."""
    labels = found.labels[units].sum(axis=0).astype(np.float64)  # (C,)
    true, spots = (_sum(part, units) for part in (found.true, found.spots))
    score = _score(true, spots, labels)  # (A, C)
    shared = int(score[:, labels > 0].sum(axis=1).argmax())
    ways = np.where(labels >= MIN_LABELS, score.argmax(axis=0), shared)
    every = np.arange(len(labels))
    true, spots = true[ways, :, every].swapaxes(0, 1), spots[ways, every]  # (K, C, 200), (C, 200)
    cut = [_score(_cut(true, rank)[None], _cut(spots, rank)[None], labels)[0] for rank in RANKS]
    highest = (score[ways, every] - cut <= LOSS).sum(axis=0) - 1  # a higher threshold costs more, 0 nothing
    numbers = np.where(labels >= MIN_LABELS, np.maximum(highest - MARGIN, 0), 0)
    return Choice(shared, ways.tolist(), [RANKS[number] for number in numbers])


def _sum(part: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Counts (A, U, …) of some units together, (A, …) float64."""
    return np.stack([way[units].sum(axis=0, dtype=np.float64) for way in part])


def _score(true: np.ndarray, spots: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tight average precision (A, C) from counts (A, K, C, 200) and (A, C, 200)."""
    every = np.broadcast_to(labels, (len(true), len(labels)))
    return a_map_per_class(precisions(Counts(true, spots, every)), ROWS["tight"])


def _cut(counts: np.ndarray, rank: int) -> np.ndarray:
    """Counts (…, 200) without what lies below a threshold."""
    counts = counts.astype(np.float64)
    counts[..., :rank] = counts[..., rank, None]
    return counts


def _settings(choice: Choice, classes: Sequence[str]) -> Settings:
    ways = {
        label: Way(WAYS[way].kind, WAYS[way].window_seconds, _threshold(rank))
        for label, way, rank in zip(classes, choice.ways, choice.ranks, strict=True)
    }
    return Settings(WAYS[choice.shared], ways)


def _threshold(rank: int) -> float:
    """One of the official thresholds, not a bit more."""
    return THRESHOLD if rank == 0 else math.floor(THRESHOLDS[rank] * 1e6) / 1e6


def _remarks(kind: str, number: int, labels: dict[str, int]) -> list[str]:
    found = []
    if kind == "halves":
        found.append("one game: chosen on one half and measured on the other; several games tell more")
    elif number < FEW:
        found.append(f"settings of {number} games may not do for others; take {FEW} or more")
    if few := [label for label, some in labels.items() if some < MIN_LABELS]:
        found.append(f"fewer than {MIN_LABELS} labels, suppressed as is best for all: {some_of(few)}")
    return found
