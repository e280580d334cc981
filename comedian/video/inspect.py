"""What a video is and what is wrong with it, from its packets' times: one picture is decoded, or all."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from comedian.video.clock import Clock
from comedian.video.damage import Damage
from comedian.video.decode import clock_of, decode_needed, on_time_line, open_video, placed, timed
from comedian.video.sample import VideoInfo, early_end, probe

UNEVEN = 0.3  # of the usual interval: more from it, and an interval is another; times in ms differ by less
UNEVEN_FRACTION = 0.01  # of the intervals that may be others, as where a frame was dropped


@dataclass(frozen=True)
class Inspection:
    """A video as it is found to be.

    Attributes:
        info: what its headers say.
        end_seconds: where its last picture leaves the screen, from the container's start.
        num_frames: pictures, or packets of them.
        uneven_fraction: of the intervals between pictures, how many are not the usual one.
        damage: what it lost, in words, or "".
    """

    info: VideoInfo
    end_seconds: float
    num_frames: int
    uneven_fraction: float
    damage: str

    @property
    def is_variable(self) -> bool:
        """Whether its pictures come at varying intervals."""
        return self.uneven_fraction > UNEVEN_FRACTION


class _Stamp(NamedTuple):
    """A packet without what is in it."""

    duration: int | None


def inspect(path: str | Path, decode: bool = False) -> Inspection:
    """Look at all of a video's packets, or decode all of its pictures.

    Without decoding, damage within a picture is not seen; what is cut off, missing or out of place is.

    Raises:
        InputError: as `comedian.video.sample.probe`.
    """
    info, damage = probe(path), Damage()
    with open_video(path, threads=0 if decode else 1) as (container, stream):
        size = os.path.getsize(path)
        clock = clock_of(path, container, stream)
        frames: Iterator[tuple[int, _Stamp]]
        if decode:
            frames = (
                (ticks, _Stamp(frame.duration))
                for ticks, frame in _decoded(container, stream, clock, damage)
            )
        else:
            stamps = sorted(_stamps(on_time_line(container, stream, clock, damage), clock))
            frames = placed(stamps, clock, damage, clock.origin)
        times, end = [], clock.origin
        for ticks, stamp in frames:
            times.append(ticks)
            end = ticks + clock.duration(stamp)
        if times:
            damage.early_end = early_end(clock, clock.seconds(end), damage)
    damage.growing = os.path.getsize(path) != size
    return Inspection(info, clock.seconds(end), len(times), _uneven(times), str(damage))


def _decoded(container, stream, clock: Clock, damage: Damage):
    return decode_needed(container, stream, clock, damage, every_frame=True)


def _stamps(packets: Iterable, clock: Clock) -> Iterator[tuple[int, _Stamp]]:
    """When each packet's picture is shown; in a container without times one follows the other."""
    for ticks, packet in timed(packets, clock):
        if not packet.is_discard:
            yield ticks, _Stamp(packet.duration)


def _uneven(times: list[int]) -> float:
    """The fraction of intervals that differ from the usual one."""
    intervals = [later - earlier for earlier, later in pairwise(times)]
    usual = median(intervals) if intervals else 0
    others = sum(abs(interval - usual) > max(UNEVEN * usual, 1) for interval in intervals)
    return others / len(intervals) if intervals else 0.0
