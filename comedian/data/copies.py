"""Halves that are there twice: one file under two names, or a game on both sides of a split."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from comedian.data.check_media import Seen
from comedian.data.findings import Finding
from comedian.data.gather import Gathered
from comedian.data.remarks import shared_games
from comedian.formats.games import read_list

END_BYTES = 1 << 16  # of a file's beginning and end, which tell it from others with its length


def check_copies(seen: Iterable[Seen]) -> Iterator[Finding]:
    """Files that hold the same, by length, beginning and end."""
    first: dict[tuple[int, str], Path] = {}
    for half in seen:
        other = first.setdefault(_content(half.path), half.path)
        if other != half.path:
            yield Finding(half.path, f"holds the same as {other}", "take one of them away")


def check_split(seen: Sequence[Seen], test: str | Path, root: Path | None = None) -> Iterator[Finding]:
    """Halves to train on whose game, or file, is also among those to test on.

    Args:
        test: a list, a folder or a file; a list's games need not be there.
    """
    held_out = Gathered([test], root)
    files = held_out.of("video", "frames")
    names = [str(path) for path in files]
    if Path(test).is_file() and Path(test).suffix == ".txt":
        names += read_list(test)
    else:
        yield from held_out.findings
    said: set[Path] = set()
    for video, other in shared_games([half.video for half in seen], names):
        half = next(half for half in seen if half.video == video)
        if half.path not in said:
            said.add(half.path)
            yield Finding(half.path, f"its game is also to be tested on: {other}", "train without it")
    contents = {_content(path): path for path in files}
    for half in seen:
        if half.path not in said and (copy := contents.get(_content(half.path))):
            yield Finding(half.path, f"is also to be tested on, as {copy}", "train without it")


def _content(path: Path) -> tuple[int, str]:
    """What tells a file from others: its length, and a hash of its beginning and its end."""
    size = os.path.getsize(path)
    with path.open("rb") as file:
        data = file.read(END_BYTES)
        file.seek(max(0, size - END_BYTES))
        data += file.read()
    return size, hashlib.sha256(data).hexdigest()
