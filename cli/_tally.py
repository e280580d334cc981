"""What passes on its way to where it goes: runs of scores that are kept, spots that are counted."""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from comedian.formats.spot import Spot

Run = TypeVar("Run")


def keeping(runs: Iterable[Run], kept: list[Run]) -> Iterator[Run]:
    """Pass runs of scores on, and keep them."""
    for run in runs:
        kept.append(run)
        yield run


class Tally:
    """Counts spots and seconds of video, for the last line.

    Attributes:
        spots: their number.
    """

    def __init__(self) -> None:
        self.spots = 0
        self._seconds: dict[tuple[str, int], float] = {}
        self._began = monotonic()

    def count(self, video: str, half: int, seconds: float, spots: Iterable[Spot]) -> Iterator[Spot]:
        """Pass on the spots of a half that is done up to so many seconds."""
        self._seconds[video, half] = seconds
        for spot in spots:
            self.spots += 1
            yield spot

    def line(self, output: str, suppression: str = "--hard") -> str:
        """`120 spots in 5400 s of video, 61 s taken, in spots.jsonl; next: nms …`."""
        seconds = sum(self._seconds.values())
        taken = monotonic() - self._began
        line = f"{self.spots} spots in {seconds:.0f} s of video, {taken:.0f} s taken"
        if output == "-":
            return line
        return f"{line}, in {output}; next: nms {suppression} --table --top 20 {output}"
