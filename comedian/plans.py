"""What a run would take: a short table for people."""

import resource
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

NOT_KNOWN = "not known"
NAME_WIDTH = 8  # of the table's first column
MAXRSS_BYTES = 1024  # unit of the peak that Linux tells


class Written(NamedTuple):
    """A file, or some of a kind, that a run writes: bytes, None where nobody knows."""

    name: str
    num_bytes: int | None


class Timed(NamedTuple):
    """A part of a run and its seconds, None where nobody knows."""

    name: str
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    """What a run would take.

    Attributes:
        steps: what is done, a line each.
        times: of the parts of the run.
        memory: in words: how much, and from what that is known.
        folder: where the output goes, which need not exist yet; None for standard output.
        written: what lies in the folder when the run is over.
        meanwhile: what lies there beside them while the run goes on.
        reads: the inputs, in words.
        trial: in words: how long the trial was, and of what.
        remarks: what else is to be known.
    """

    steps: Sequence[str]
    times: Sequence[Timed]
    memory: str
    folder: Path | None
    written: Sequence[Written]
    reads: str
    trial: str
    meanwhile: Sequence[Written] = ()
    remarks: Sequence[str] = ()

    @property
    def seconds(self) -> float | None:
        """Of the whole run; None where a part of it is not known."""
        known = [part.seconds for part in self.times if part.seconds is not None]
        return sum(known) if len(known) == len(self.times) else None

    @property
    def num_bytes(self) -> int:
        """Of the disk at most, what is not known left out."""
        return sum(file.num_bytes or 0 for file in (*self.written, *self.meanwhile))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The table, line by line."""
        rows: list[tuple[str, Iterable[str]]] = [
            ("steps", self.steps),
            ("time", [self._time()]),
            ("memory", [self.memory]),
            ("disk", [self._disk()]),
            ("files", [f"reads {self.reads}", f"writes {_listed(self.written)}", *self._meanwhile()]),
            ("trial", [self.trial]),
            ("note", self.remarks),
        ]
        return [
            f"{name if not number else '':<{NAME_WIDTH}}{line}"
            for name, lines in rows
            for number, line in enumerate(lines)
        ]

    def _meanwhile(self) -> list[str]:
        return [f"meanwhile {_listed(self.meanwhile)}"] if self.meanwhile else []

    def _time(self) -> str:
        whole = NOT_KNOWN if self.seconds is None else f"about {duration(self.seconds)}"
        if len(self.times) < 2:
            return whole
        each = (f"{name} {NOT_KNOWN if took is None else duration(took)}" for name, took in self.times)
        return f"{whole}: {', '.join(each)}"

    def _disk(self) -> str:
        unknown = any(file.num_bytes is None for file in self.written)
        needed = f"{size(self.num_bytes)}{', and what is not known' if unknown else ''}"
        if self.folder is None:
            return needed
        free = free_bytes(self.folder)
        fits = "" if self.num_bytes <= free else ": TOO LITTLE"
        return f"{needed} at most; {size(free)} free in {self.folder}{fits}"


def free_bytes(folder: Path) -> int:
    """Bytes that may be written into a folder, or where it would be made."""
    absolute = folder.absolute()
    return shutil.disk_usage(next(path for path in (absolute, *absolute.parents) if path.exists())).free


def duration(seconds: float) -> str:
    """Such as `12 s`, `35 minutes`, `2.4 hours`."""
    if seconds < 99.5:
        return f"{_two_digits(seconds)} s"
    minutes = seconds / 60
    return f"{_two_digits(minutes)} minutes" if minutes < 99.5 else f"{_two_digits(minutes / 60)} hours"


def size(num_bytes: float) -> str:
    """Such as `34 MB`, `1.2 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.3g} {unit}"
    return f"{num_bytes:.0f} bytes"


def counted(number: int, thing: str) -> str:
    """Such as `1 half`, `2 halves`; things end in a plain s but for halves."""
    several = "halves" if thing == "half" else f"{thing}s"
    return f"{number:,} {thing if number == 1 else several}"


def _two_digits(number: float) -> str:
    return f"{number:.1f}" if number < 9.95 else f"{number:,.0f}"


def _listed(files: Sequence[Written]) -> str:
    each = (f"{name} ({NOT_KNOWN if held is None else size(held)})" for name, held in files)
    return ", ".join(each) or "nothing"


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES
