"""Findings about spots: confidences, times, halves and order."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from comedian.data.check_media import Seen
from comedian.data.findings import Finding
from comedian.data.remarks import LABEL_SLACK_SECONDS
from comedian.errors import InputError, some_of
from comedian.evaluation.remarks import HALF_MS, OFF_MATCH_CLOCK
from comedian.formats.clocks import clock
from comedian.formats.naming import LAST_HALF, named
from comedian.formats.spot import Outside, Spot
from comedian.video.sample import probe

KEEP_FRACTIONS = "give fractions of 1, as spot writes them"


class Spots:
    """What was seen of a stream of spots.

    Attributes:
        labels: how often each name of a class came.
    """

    def __init__(self, file: str | Path, seen: Iterable[Seen]):
        """Begin with nothing; `seen` are the halves whose ends are known."""
        self.file, self.labels, self._number = file, Counter[str](), 0
        self._outside = Outside()
        self._ends = {(half.video, half.half): half.end_seconds for half in seen}
        self._reach: dict[tuple[str, int], tuple[int, float, float]] = {}  # number, first and last ms
        self._back: list[str] = []

    def look(self, spots: Iterable[Spot]) -> None:
        """Take note of all."""
        for key, some in groupby(spots, key=lambda spot: (spot["video"], spot["half"])):
            half = list(some)
            if key in self._reach:
                self._back.append(f"half {key[1]} of {key[0]}")
            self._number += len(half)
            self._outside.look(spot["confidence"] for spot in half)
            self.labels.update(spot["label"] for spot in half)
            times = [spot["position_ms"] for spot in half]
            number, first, last = self._reach.get(key, (0, min(times), max(times)))
            self._reach[key] = number + len(half), min(first, *times), max(last, *times)

    def findings(self) -> Iterator[Finding]:
        """What is to be said of them."""
        if self._outside.number:
            yield Finding(self.file, str(self._outside), KEEP_FRACTIONS)
        if self._back:
            what = f"spots of a half do not stand together: {some_of(self._back)}"
            yield Finding(self.file, what, "sort the lines by video and half")
        for (video, half), (number, first, last) in self._reach.items():
            own = named(video).half
            if own not in (None, half):
                what = f"spots of {video} say half {half}, its name half {own}, which counts"
                yield Finding(self.file, what, "name the videos as the halves that they are")
            yield from self._times(video, half, number, first, last)

    def _times(self, video: str, half: int, number: int, first: float, last: float) -> Iterator[Finding]:
        if first < 0:
            yield Finding(
                self.file, f"spots before the start of {video}", "count from the start of the half"
            )
        if half == LAST_HALF and number > 1 and first >= HALF_MS:
            what = f"all spots of half 2 of {video} lie past 45:00, as on the match clock"
            yield Finding(self.file, what, OFF_MATCH_CLOCK)
            return
        end = self._end_of(video, half)
        if end is not None and last > 1000 * (end + LABEL_SLACK_SECONDS):
            what = f"spots past the end of {video} ({clock(end)}), the last at {clock(last / 1000)}"
            yield Finding(self.file, what, "give spots of this very video")

    def _end_of(self, video: str, half: int) -> float | None:
        """Seconds at which a half ends: as it was seen, or as its video's headers say, if that is here."""
        if (video, half) not in self._ends and Path(video).is_file():
            try:
                found = probe(video).duration_seconds
            except InputError:
                found = None
            if found is not None:
                self._ends[video, half] = found
        return self._ends.get((video, half))
