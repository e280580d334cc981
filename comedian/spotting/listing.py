"""Spots as a list for people: the best ones, a line each."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from comedian.formats.clocks import clock, hours_clock
from comedian.formats.spot import Outside, Spot
from comedian.spotting.suppress import reaching

HEAD = ("half", "clock", "label", "confidence")


def best(spots: Iterable[Spot], number: int) -> list[Spot]:
    """The spots of the highest confidence, those first; of equal ones the earliest."""
    return heapq.nlargest(number, spots, key=itemgetter("confidence"))


def chosen(
    spots: Iterable[Spot],
    labels: Collection[str] | None = None,
    threshold: float = 0.0,
    least: Mapping[str, float] | None = None,
) -> list[Spot]:
    """The spots of some labels, or of all, whose confidence reaches a threshold, and that of the label."""
    found = spots if least is None else reaching(spots, least)
    return [
        one for one in found if one["confidence"] >= threshold and (not labels or one["label"] in labels)
    ]


def in_order(spots: Iterable[Spot]) -> list[Spot]:
    """Spots by video, half and time, as `spot` writes them; videos in the order in which they come."""
    spots = list(spots)
    places = {video: place for place, video in enumerate(dict.fromkeys(map(itemgetter("video"), spots)))}
    return sorted(spots, key=lambda spot: (places[spot["video"]], spot["half"], spot["position_ms"]))


def each(halves: Iterable[list[Spot]], top: int | None = None, best_first: bool = False) -> Iterable[Spot]:
    """The spots of all halves; or so many of the highest confidence, in order of time, or best first."""
    spots = (spot for half in halves for spot in half)
    if top is None:
        return spots
    return best(spots, top) if best_first else in_order(best(spots, top))


class Seen:
    """What spots held before they were suppressed.

    Attributes:
        videos: their names, in order.
        missing: of the labels that were awaited those that did not come.
        outside: their confidences that are no fractions of 1.
    """

    def __init__(self, awaited: Iterable[str] = ()):
        self.videos: dict[str, None] = {}
        self.missing = set(awaited)
        self.outside = Outside()

    def watch(self, halves: Iterable[list[Spot]]) -> Iterator[list[Spot]]:
        """Pass halves on, taking note of them."""
        for half in halves:
            self.videos[half[0]["video"]] = None
            if self.missing:
                self.missing.difference_update(map(itemgetter("label"), half))
            self.outside.look(map(itemgetter("confidence"), half))
            yield half
            del half  # before the next one is read


def table(spots: Iterable[Spot]) -> Iterator[str]:
    """Lines of a table, under the name of each video, in the order of the spots.

    Columns: half, its clock, label, confidence; and the clock of the file where it holds several halves.
    """
    for video, some in groupby(spots, key=itemgetter("video")):
        rows = [_row(spot) for spot in some]
        widths = [max(map(len, column)) for column in zip(_head(rows), *rows, strict=True)]
        yield video
        for row in (_head(rows), *rows):
            yield "  ".join(map(_cell, range(len(row)), row, widths)).rstrip()


def _head(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return (*HEAD, "in the file")[: len(rows[0])]


def _row(spot: Spot) -> tuple[str, ...]:
    cells = (
        str(spot["half"]),
        clock(spot["position_ms"] / 1000),
        spot["label"],
        f"{spot['confidence']:.2f}",
    )
    video_ms = spot.get("video_ms")
    return (*cells, hours_clock(video_ms / 1000)) if isinstance(video_ms, int | float) else cells


def _cell(column: int, text: str, width: int) -> str:
    """Labels stand on the left of their column, numbers on the right."""
    return text.ljust(width) if HEAD[column : column + 1] == ("label",) else text.rjust(width)
