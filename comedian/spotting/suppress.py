"""Non-maximum suppression of spots: soft, hard and peak, each class and half on its own.

Widths are full widths in seconds. Where scores are equal the earliest comes first. Plain Python, so
that `nms` starts at once.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heapreplace
from itertools import groupby
from operator import itemgetter, mul
from typing import TYPE_CHECKING

from comedian.errors import InputError
from comedian.formats.spot import Spot
from comedian.recipes.suppress import THRESHOLD, WINDOW_SECONDS

if TYPE_CHECKING:
    from comedian.recipes.suppression import Settings  # takes time to import

Kept = Iterable[tuple[int, float]]  # index of a spot that is kept, and its score

_BLOCK = 16  # scores that share an entry of the heap; 8 and 32 are slower
_TAKEN = -1.0


def suppress(
    spots: Iterable[Spot],
    method: str = "soft",
    window_seconds: float | None = None,
    windows: Mapping[str, float] | None = None,
    threshold: float = THRESHOLD,
) -> Iterator[Spot]:
    """Yield the spots that survive, half by half, in time order; only one half is held at a time.

    Args:
        spots: those of one (video, half) stand together.
        method: "soft", "hard" or "peak".
        window_seconds: full width; None is 10 for soft, 5 for the others.
        windows: widths of single labels.
        threshold: scores below it are dropped.

    Raises:
        InputError: spots of a half come back after another half, or a confidence is NaN or infinite.
    """
    for half in by_half(spots):
        yield from suppress_half(half, method, window_seconds, windows, threshold)


def by_half(spots: Iterable[Spot]) -> Iterator[list[Spot]]:
    """Yield the spots of one (video, half) after the other.

    Raises:
        InputError: spots of a half come back after another half.
    """
    done = set()
    for key, some in groupby(spots, key=itemgetter("video", "half")):
        if key in done:
            what = f"spots of half {key[1]} of {key[0]} come back after another half"
            raise InputError(what, remedy="sort the lines first: sort FILE | nms")
        done.add(key)
        yield list(some)


def suppress_half(
    spots: Sequence[Spot],
    method: str = "soft",
    window_seconds: float | None = None,
    windows: Mapping[str, float] | None = None,
    threshold: float = THRESHOLD,
) -> list[Spot]:
    """The spots of one half that survive, in time order; arguments as in `suppress`.

    Raises:
        InputError: a confidence is NaN or infinite; nothing can be ranked among those.
    """
    default = WINDOW_SECONDS[method] if window_seconds is None else window_seconds
    widths = windows or {}
    return suppress_by(spots, lambda label: (method, widths.get(label, default), threshold), threshold)


def suppress_by(
    spots: Sequence[Spot], way_of: Callable[[str], tuple[str, float, float]], least: float
) -> list[Spot]:
    """The spots of one half that survive, in time order, each label suppressed in its own way.

    Args:
        way_of: method, full width in seconds and threshold of a label.
        least: scores below it are dropped, whatever their label.

    Raises:
        InputError: as `suppress_half`.
    """
    _check_finite(spots)
    spots = [spot for spot in spots if spot["confidence"] >= least]
    spots.sort(key=itemgetter("position_ms"))
    places: dict[str, list[int]] = {}
    for place, spot in enumerate(spots):
        places.setdefault(spot["label"], []).append(place)
    kept: dict[int, float] = {}
    for label, some in places.items():
        method, width_seconds, threshold = way_of(label)
        if threshold > least:
            some = [place for place in some if spots[place]["confidence"] >= threshold]
        times = [spots[place]["position_ms"] for place in some]
        scores = [spots[place]["confidence"] for place in some]
        found = METHODS[method](times, scores, 500 * width_seconds, max(threshold, least))
        kept.update((some[index], score) for index, score in found)
    return [_with_score(spots[place], kept[place]) for place in sorted(kept)]


@dataclass(frozen=True)
class Suppression:
    """How the spots of a half are suppressed; the first four as in `suppress`.

    Attributes:
        settings: method, window and threshold of each label, in place of the first three; of two thresholds
            the higher one counts.
        min_gap_seconds: then, what is nearer than this to a better one of its label is dropped.
        least: at last, least confidence of single labels; of a label that is not in it nothing is kept.
    """

    method: str = "soft"
    window_seconds: float | None = None
    windows: Mapping[str, float] = field(default_factory=dict)
    threshold: float = THRESHOLD
    min_gap_seconds: float | None = None
    settings: "Settings | None" = None
    least: Mapping[str, float] | None = None

    def __call__(self, half: Sequence[Spot]) -> list[Spot]:
        """The spots of one half that survive, in time order; raises as `suppress_half`."""
        if self.settings:
            kept = suppress_by(half, self.settings.of_label, self.threshold)
        else:
            kept = suppress_half(half, self.method, self.window_seconds, self.windows, self.threshold)
        if self.min_gap_seconds is not None:
            kept = suppress_half(kept, "hard", 2 * self.min_gap_seconds, threshold=self.threshold)
        return kept if self.least is None else list(reaching(kept, self.least))


def reaching(spots: Iterable[Spot], least: Mapping[str, float]) -> Iterator[Spot]:
    """The spots whose confidence reaches the least of their label; a label without one has none."""
    return (spot for spot in spots if spot["confidence"] >= least.get(spot["label"], math.inf))


def _check_finite(spots: Sequence[Spot]) -> None:
    if not all(map(math.isfinite, map(itemgetter("confidence"), spots))):
        spot = next(spot for spot in spots if not math.isfinite(spot["confidence"]))
        where = (
            f"of {spot['label']!r} at {spot['position_ms']} ms in half {spot['half']} of {spot['video']}"
        )
        remedy = "leave such spots out, or mend what writes them"
        raise InputError(f"the confidence {where} is {spot['confidence']}", remedy=remedy)


def keep_soft(times: list, scores: list[float], reach_ms: float, threshold: float) -> Kept:
    """Take the maximum, multiply what is within reach by |Δt| / reach, repeat until below `threshold`.

    Scores only fall, so the heap may hold old, higher maxima of blocks: one that comes up is put back with
    its maximum of now, and what comes up unchanged is the maximum of all.
    """
    if not reach_ms:
        return enumerate(scores)
    scores = list(scores)
    heap = [(-math.inf, start) for start in range(0, len(scores), _BLOCK)]
    kept: dict[int, float] = {}
    while heap:
        key, start = heap[0]
        block = scores[start : start + _BLOCK]
        score = max(block)
        if score < threshold:
            heappop(heap)
        elif score != -key:
            heapreplace(heap, (-score, start))
        else:
            index = start + block.index(score)
            if index not in kept:  # unless a twin in time made 0 of `_TAKEN`
                kept[index] = score
                time = times[index]
                first, end = bisect_right(times, time - reach_ms), bisect_left(times, time + reach_ms)
                shares = [abs(other - time) / reach_ms for other in times[first:end]]
                scores[first:end] = map(mul, scores[first:end], shares)
            scores[index] = _TAKEN
    return kept.items()


def keep_hard(times: list, scores: list[float], reach_ms: float, threshold: float) -> Kept:
    """Take the maximum, drop what is within reach, repeat (greedy)."""
    free = [True] * len(scores)
    kept = []
    for index in sorted(range(len(scores)), key=scores.__getitem__, reverse=True):  # stable: earliest first
        if free[index]:
            kept.append((index, scores[index]))
            for other in _within(times, index, reach_ms):
                free[other] = False
    return kept


def keep_peak(times: list, scores: list[float], reach_ms: float, threshold: float) -> Kept:
    """Keep what is the maximum of everything within reach (the authors' way); ties stay."""
    kept = []
    window: list[int] = []  # candidates, scores falling; window[head] is the maximum
    head = end = 0
    for index, time in enumerate(times):
        while end < len(times) and times[end] - time <= reach_ms:
            while len(window) > head and scores[window[-1]] < scores[end]:
                window.pop()
            window.append(end)
            end += 1
        while time - times[window[head]] > reach_ms:
            head += 1
        if scores[index] >= scores[window[head]]:
            kept.append((index, scores[index]))
    return kept


METHODS = {"soft": keep_soft, "hard": keep_hard, "peak": keep_peak}


def _within(times: list, index: int, reach_ms: float) -> Iterator[int]:
    time, other = times[index], index
    while other >= 0 and time - times[other] <= reach_ms:
        yield other
        other -= 1
    other = index + 1
    while other < len(times) and times[other] - time <= reach_ms:
        yield other
        other += 1


def _with_score(spot: Spot, score: float) -> Spot:
    return spot if spot["confidence"] == score else {**spot, "confidence": score}
