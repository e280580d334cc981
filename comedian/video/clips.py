"""Which parts of videos become clips: around spots, merged where they overlap, named by time and label."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from comedian.errors import InputError
from comedian.formats.clocks import clock
from comedian.formats.periods import ms_in_file, periods_beside
from comedian.formats.spot import Spot

NAME_LENGTH = 80  # characters of the labels in a file's name


@dataclass(frozen=True)
class Clip:
    """A part of a video.

    Attributes:
        video: the file.
        start, end: seconds from the file's start.
        spots: what it shows, in order.
    """

    video: Path
    start: float
    end: float
    spots: tuple[Spot, ...]

    @property
    def labels(self) -> list[str]:
        """The labels of its spots, each once, in order."""
        return list(dict.fromkeys(spot["label"] for spot in self.spots))

    @property
    def title(self) -> str:
        """`1 - 07:34 Goal, Kick-off`: half and clock of the first spot, and all labels."""
        first = self.spots[0]
        return f"{first['half']} - {clock(first['position_ms'] / 1000)} {', '.join(self.labels)}"

    @property
    def name(self) -> str:
        """Its title as a name of a file without suffix, which sorts by time: `1_07-34_Goal_Kick-off`."""
        first = self.spots[0]
        labels = "_".join(re.sub(r"\W+", "-", label).strip("-") for label in self.labels)
        minutes, _, seconds = clock(first["position_ms"] / 1000).rpartition(":")
        return f"{first['half']}_{minutes:0>3}-{seconds}_{labels[:NAME_LENGTH]}".rstrip("_")


def plan(
    spots: Iterable[Spot],
    find: Callable[[str], Path],
    before_seconds: float,
    after_seconds: float,
) -> list[Clip]:
    """The clips around some spots: by video in the order in which they come, each in order of time.

    Args:
        find: from the name that spots carry to the file.

    Raises:
        InputError: a video is not to be found, or a half has no place in it.
    """
    of_video: dict[Path, list[Spot]] = {}
    for spot in spots:
        of_video.setdefault(find(spot["video"]), []).append(spot)
    clips = []
    for video, found in of_video.items():
        merged: list[Clip] = []
        for seconds, spot in _placed(video, found):
            start, end = max(seconds - before_seconds, 0.0), seconds + after_seconds
            if merged and start <= merged[-1].end:
                last = merged.pop()
                merged.append(Clip(video, last.start, max(end, last.end), (*last.spots, spot)))
            else:
                merged.append(Clip(video, start, end, (spot,)))
        clips += merged
    return clips


def _placed(video: Path, spots: Iterable[Spot]) -> list[tuple[float, Spot]]:
    """Spots with their seconds in a file, in order; InputError if its periods have none of their number."""
    periods, found = periods_beside(video), []
    for spot in spots:
        if (milliseconds := ms_in_file(spot, periods)) is None:
            raise InputError(f"has no period {spot['half']}", video, "mend its periods")
        found.append((milliseconds / 1000, spot))
    return sorted(found, key=lambda pair: pair[0])


def names_of(clips: Sequence[Clip]) -> list[str]:
    """A name for each clip, without suffix; of equal ones the later are numbered."""
    names: list[str] = []
    for clip in clips:
        number, name = 1, clip.name
        while name in names:
            number += 1
            name = f"{clip.name}_{number}"
        names.append(name)
    return names


def finder(spots: str, video: Path | None = None) -> Callable[[str], Path]:
    """From the names that spots carry to files: `video`, else as they are named, else beside the spots.

    Args:
        spots: where the spots come from; "-" is standard input.
    """
    beside = Path() if spots == "-" else Path(spots).parent

    def find(name: str) -> Path:
        for path in [video] if video else [Path(name), beside / name, beside / Path(name).name]:
            if path.is_file():
                return path
        raise InputError("no such video", video or name, "name it with --video")

    return find
