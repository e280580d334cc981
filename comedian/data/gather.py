"""The files that paths name, by kind, also those in folders and lists; nothing is refused."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from comedian.data.findings import Finding, of_error
from comedian.errors import InputError
from comedian.formats.games import read_list
from comedian.formats.kinds import kind_of
from comedian.formats.naming import FRAMES_SUFFIXES, VIDEO_SUFFIXES

LOOKED_INTO = VIDEO_SUFFIXES | {".h5", ".npy", ".json", ".jsonl", ".zip"}  # of the files of a folder
READ = "name videos, frames, banks, features, scores, labels, spots, weights, folders or lists of them"


class Gathered:
    """Files by kind, each once, in the order in which they were named.

    Attributes:
        files: kind, as `comedian.formats.kinds.kind_of` tells it, to paths.
        findings: what was named and is not there, or is nothing that we read.
        named: the files that were named themselves.
    """

    def __init__(self, paths: Iterable[str | Path], root: Path | None = None):
        """Look for them; `root` is where the lines of a list start, else the list's own folder."""
        self.files: dict[str, list[Path]] = {}
        self.findings: list[Finding] = []
        self.named: set[Path] = set()
        self._seen: set[str] = set()
        for path in map(Path, paths):
            try:
                self._take(path, root)
            except InputError as error:
                self.findings.append(of_error(error, path))

    def of(self, *kinds: str) -> list[Path]:
        """The files of some kinds."""
        return [path for kind in kinds for path in self.files.get(kind, ())]

    def _take(self, path: Path, root: Path | None) -> None:
        kind = kind_of(path) or ("labels" if path.suffix.lower() == ".json" else None)
        if kind == "folder":
            self._folder(path)
        elif kind == "list":
            for line in read_list(path):
                self._line(path, (root or path.parent) / line)
        elif kind is None:
            self.findings.append(Finding(path, "is nothing that is known here", READ))
        else:
            self.named.add(path)
            self._add(kind, path)

    def _folder(self, folder: Path) -> None:
        empty = True
        for path in _files_below(folder):
            if path.suffix.lower() in LOOKED_INTO and (kind := kind_of(path)):
                self._add(kind, path)
                empty = False
        if empty:
            self.findings.append(Finding(folder, "holds nothing that can be checked", "check the path"))

    def _line(self, source: Path, path: Path) -> None:
        """A game of a list: a folder, or a file, whose ending may be another or left out."""
        if path.is_dir():
            self._folder(path)
            return
        plain = path.with_suffix("") if path.suffix.lower() in VIDEO_SUFFIXES | FRAMES_SUFFIXES else path
        endings = sorted(VIDEO_SUFFIXES | FRAMES_SUFFIXES)
        names = [path, *(plain.with_name(f"{plain.name}{ending}") for ending in endings)]
        found = next((name for name in names if name.is_file()), None)
        if found is None:
            self.findings.append(Finding(source, f"its game is not there: {path}", "check --root"))
        elif kind := kind_of(found):
            self._add(kind, found)

    def _add(self, kind: str, path: Path) -> None:
        if (place := os.path.abspath(path)) not in self._seen:
            self._seen.add(place)
            self.files.setdefault(kind, []).append(path)


def _files_below(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
