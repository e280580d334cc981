"""From clips to files, and to one reel of all with a chapter for each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.video.clips import Clip, names_of
from comedian.video.reencode import Encoder
from comedian.video.remux import Copier, Entry, open_output
from comedian.video.sample import probe

MS = Fraction(1, 1000)


def within(clips: Sequence[Clip]) -> list[Clip]:
    """Clips that end where their video does; those behind its end are left out."""
    ends = {video: probe(video).duration_seconds for video in {clip.video for clip in clips}}
    found = []
    for clip in clips:
        end = ends[clip.video]
        if end is None or clip.start < end:
            found.append(clip if end is None else replace(clip, end=min(clip.end, end)))
    return found


def cut(clips: Sequence[Clip], folder: Path, exact: bool = False) -> Iterator[tuple[Path, Clip]]:
    """Write each clip to a file in a folder; yield files, and the clips as they begin in them.

    Raises:
        InputError: a video cannot be read, or not be copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for clip, name in zip(clips, names_of(clips), strict=True):
        entry = None if exact else Entry(clip)
        suffix = entry.suffix if entry else ".mp4"
        path = folder / f"{name}{suffix}"
        with atomic_path(path) as part:
            start = entry.seconds if entry else clip.start
            _write([clip], [start], part, suffix, exact)
        yield path, replace(clip, start=start)


def reel(clips: Sequence[Clip], path: Path, exact: bool = False) -> None:
    """Write all clips into one file, one behind the other, each a chapter.

    Raises:
        InputError: as `cut`; or videos differ, so that they cannot be copied into one file.
    """
    entries = [] if exact else [Entry(clip) for clip in clips]
    if len({entry.kind for entry in entries}) > 1:
        raise InputError("the videos differ in size, codec or sound", path, "use --exact")
    starts = [entry.seconds for entry in entries] or [clip.start for clip in clips]
    with atomic_path(path) as part:
        _write(clips, starts, part, path.suffix.lower() if path.suffix.lower() == ".mkv" else ".mp4", exact)


def _write(clips: Sequence[Clip], starts: Sequence[float], part: Path, suffix: str, exact: bool) -> None:
    with open_output(part, suffix) as container:
        container.set_chapters(_chapters(clips, starts))
        target = Encoder(container, any(map(_has_sound, clips))) if exact else Copier(container)
        for clip in clips:
            target.add(clip)
        if isinstance(target, Encoder):
            target.close()


def _chapters(clips: Sequence[Clip], starts: Sequence[float]) -> list[Any]:
    """PyAV's chapters, dictionaries whose type exists for type checkers only."""
    found: list[Any] = []
    begin = 0
    for number, (clip, start) in enumerate(zip(clips, starts, strict=True)):
        end = begin + round(1000 * (clip.end - start))
        title = {"title": clip.title}
        found.append({"id": number, "start": begin, "end": end, "time_base": MS, "metadata": title})
        begin = end
    return found


def _has_sound(clip: Clip) -> bool:
    with av.open(str(clip.video)) as container:
        return container.streams.best("audio") is not None
