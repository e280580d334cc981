"""What would go wrong with videos, frames, features, banks, labels and spots: one finding a line."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from comedian.data.check_labelled import Labelled
from comedian.data.check_labels import FPS, check_classes
from comedian.data.check_media import Media, missing_halves
from comedian.data.check_spots import Spots
from comedian.data.copies import check_copies, check_split
from comedian.data.findings import Finding, of_error
from comedian.data.gather import Gathered
from comedian.errors import InputError
from comedian.formats.games import files_of, find_games
from comedian.formats.naming import VIDEO_SUFFIXES, game_name, half_number, is_game_file
from comedian.formats.periods import SUFFIX, periods_beside
from comedian.formats.scores import ScoresFile
from comedian.formats.soccernet import read_soccernet
from comedian.formats.spot import Spot
from comedian.formats.spots import read_spots_file
from comedian.progress import Report, silent

NO_EFFECT = "has no effect"


@dataclass(frozen=True)
class Wanted:
    """What data is checked against.

    Attributes:
        labels: a folder of labels or one labels file; None looks beside each video.
        classes: names of the classes; None takes SoccerNet's where a label is one of them.
        test: list, folder or file of the games to test on; the checked ones are those to train on.
        root: where the lines of a list start; None is the list's folder.
        prefer: ending of the file to take where there are several for a half.
        features_fps: rows a second of feature files.
        fps: frames a second of the evaluation.
        decode: look at every picture, not only at times and headers.
        window_seconds: of the recipe; None is the default recipe's.
    """

    labels: Path | None = None
    classes: Sequence[str] | None = None
    test: str | Path | None = None
    root: Path | None = None
    prefer: str | None = None
    features_fps: float = 1.0
    fps: int = FPS
    decode: bool = False
    window_seconds: float | None = None


class Check:
    """One check of some data; call `findings` once, then see what was `looked` at.

    Attributes:
        looked: how many there were, by kind, as people call them.
    """

    def __init__(self, wanted: Wanted | None = None, report: Report = silent):
        self.wanted, self._report = wanted or Wanted(), report
        self._media = Media(self.wanted.decode, self.wanted.features_fps, self.wanted.window_seconds)
        self._labelled = Labelled(self._media, self.wanted.labels, self.wanted.fps)
        self._names: dict[str | Path, Counter] = {}  # of the classes of spots, by file

    @property
    def looked(self) -> Counter:
        """How many files and entries were looked at, by kind."""
        return self._media.looked

    def findings(self, paths: Iterable[str | Path], spots: Iterable[Spot] = ()) -> Iterator[Finding]:
        """Yield what is found, as it is found.

        Args:
            paths: videos, frames, features, banks, scores, labels, spots, weights, folders and lists.
            spots: from standard input.
        """
        gathered = Gathered(paths, self.wanted.root)
        yield from gathered.findings
        yield from self._see(gathered)
        yield from self._labelled.findings(gathered.of("labels"), gathered.named)
        yield from self._spots(gathered, spots)
        names = {**self._labelled.names, **self._names}
        yield from check_classes(names, self.wanted.classes)
        yield from self._without_effect(names)
        yield from self._media.short(self._labelled.halves)
        yield from self._media.uneven(self._labelled.in_frames)
        yield from missing_halves(self._media.seen)
        yield from check_copies(self._media.seen)
        if self.wanted.test is not None:
            yield from check_split(self._media.seen, self.wanted.test, self.wanted.root)

    def _without_effect(self, names: Mapping[str | Path, Counter]) -> Iterator[Finding]:
        """What was told and is of no use here."""
        if self.wanted.classes is not None and not any(names.values()):
            yield Finding("--classes", f"{NO_EFFECT}: there is no label and no spot", "name some", False)
        if self.wanted.features_fps != Wanted.features_fps and not self.looked["feature file"]:
            yield Finding("--features-fps", f"{NO_EFFECT}: there is no feature file", "name some", False)

    def _see(self, gathered: Gathered) -> Iterator[Finding]:
        """Open everything that has a length."""
        videos = gathered.of("video")
        games, refused = _games(videos, gathered.named, self.wanted.prefer)
        yield from refused
        for done, (path, (game, half)) in enumerate(games.items(), 1):
            yield from self._media.video(path, game, half, path in gathered.named)
            self._report("check", done, len(games))
        for path in gathered.of("frames"):
            yield from self._media.frames(path, game_name(path), path in gathered.named)
        for path in gathered.of("features"):
            yield from self._media.features(path)
        for path in gathered.of("bank"):
            yield from self._media.bank(path)
        for kind, look in (("scores", _scores), ("weights", _weights), ("periods", _periods)):
            for path in gathered.of(kind):
                self.looked[f"{kind} file"] += 1
                try:
                    look(path)
                except InputError as error:
                    yield of_error(error, path)

    def _spots(self, gathered: Gathered, given: Iterable[Spot]) -> Iterator[Finding]:
        """Look at spots in files, and at those of standard input."""
        sources: list[tuple[str | Path, Iterable[Spot]]] = [("standard input", given)]
        sources += [(path, read_spots_file(path)) for path in gathered.of("spots")]
        sources += [(path, read_soccernet(path)) for path in gathered.of("results")]
        for file, spots in sources:
            found = Spots(file, self._media.seen)
            try:
                found.look(spots)
            except InputError as error:
                yield of_error(error, file)
            yield from found.findings()
            self.looked["spot"] += found.labels.total()
            self._names[file] = found.labels


def _scores(path: Path) -> None:
    for _ in ScoresFile(path):  # which looks at every probability
        pass


def _weights(path: Path) -> None:
    """Read the header of weights that are ours; those of others are not looked at."""
    from comedian.formats.checkpoint import is_ours, read_header, read_safetensors  # with torch: seconds

    if path.suffix == ".safetensors" and is_ours(read_safetensors(path, tensors=False)[0]):
        read_header(path)


def _periods(path: Path) -> None:
    periods_beside(str(path).removesuffix(SUFFIX))


def _games(
    videos: Iterable[Path], by_themselves: Collection[Path], prefer: str | None
) -> tuple[dict[Path, tuple[str, int]], list[Finding]]:
    """The game and half of each video, by the rule of every command, and what that rule refuses.

    Args:
        by_themselves: those that were named; of others all in their folder count.
    """
    placed: dict[Path, tuple[str, int]] = {}
    refused = []
    for folder, some in groupby(videos, key=lambda path: path.parent):
        wanted = list(some)
        placed |= {path: (game_name(path), half_number(path)) for path in wanted}
        found = [path for path in wanted if path not in by_themselves and is_game_file(path)]
        for source in [*([folder] if found else []), *(path for path in wanted if path in by_themselves)]:
            try:
                taken = files_of(find_games([source], VIDEO_SUFFIXES, prefer=prefer))
            except InputError as error:
                refused.append(of_error(error, source))
                continue
            for path in [path for path in found if source == folder and path not in taken]:
                del placed[path]
    return placed, refused
