"""The labels of halves that were seen, found as every command finds them, and those of no such half."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from comedian.data.check_labels import check_actions
from comedian.data.check_media import Media, Seen
from comedian.data.findings import Finding, of_error
from comedian.errors import InputError
from comedian.formats.actions import Action, in_halves
from comedian.formats.labels import counts_frames, ends_in, read_label_sets
from comedian.formats.lookup import Labels, check_half_known, labels_beside
from comedian.formats.naming import Parts


class Labelled:
    """Looks at labels.

    Attributes:
        halves: those that have labels.
        in_frames: of these, those whose labels stand in frame numbers.
        names: how often each name of a class stands in a file.
    """

    def __init__(self, media: Media, given: Path | None, fps: int):
        """Look at nothing yet.

        Args:
            given: a folder of labels or one labels file; None looks beside each video.
            fps: frames a second of the evaluation.
        """
        self._media, self._given, self._fps = media, given, fps
        self.halves: list[Seen] = []
        self.in_frames: list[Seen] = []
        self.names: dict[str | Path, Counter] = {}
        self._done: set[Path] = set()
        self._forms: dict[Path, bool] = {}  # labels files, and whether they count frames

    def findings(self, files: Iterable[Path], named: Collection[Path]) -> Iterator[Finding]:
        """Look at the labels of what was seen, then at labels files of nothing that was.

        Args:
            files: labels files that were gathered; of those that were `named` a single one is taken for
                the labels of everything.
        """
        files = list(files)
        chosen = [path for path in files if path in named]
        given = self._given
        if given is None and len(chosen) == 1 and self._media.seen:
            (given,) = chosen
        yield from self._beside() if given is None else self._in(given)
        for path in files:
            if path.resolve() not in self._done:
                yield from self._alone(path)

    def _in(self, given: Path) -> Iterator[Finding]:
        """Labels of a folder or file."""
        games: dict[Parts, list[Seen]] = {}
        homeless = []
        try:
            known = Labels([half.video for half in self._media.seen], given)
            for half in self._media.seen:
                game = known.game_of(half.video, f"{half.game}/{half.path.name}")
                games.setdefault(game, []).append(half) if game else homeless.append(half.video)
        except InputError as error:
            self._done.add(given.resolve())
            yield of_error(error, given)
            return
        if homeless:
            yield of_error(known.missing(homeless), given)
        for game, halves in games.items():
            place = given if given.is_dir() or len(known.games) == 1 else f"{given}, {'/'.join(game[-3:])}"
            yield from self._of_game(place, known, game, halves)

    def _beside(self) -> Iterator[Finding]:
        """Labels beside the videos, if there are any."""
        found: dict[Path, list[Seen]] = {}
        shown: dict[Path, Path] = {}
        bare = []
        for half in self._media.seen:
            try:
                file = labels_beside(half.video)
            except InputError as error:
                yield of_error(error, half.video)
                continue
            if file is None:
                bare.append(half)
                continue
            file = shown.setdefault(file.resolve(), file)  # of videos and their frames the same
            found.setdefault(file, []).append(half)
        for file, halves in found.items():
            try:
                known = Labels([halves[0].video])
            except InputError as error:
                yield of_error(error, file)
                continue
            yield from self._of_game(file, known, known.games[0], halves)
        for half in bare if found else ():
            yield Finding(half.video, "has no labels beside it, others have", "label it, or leave it out")

    def _of_game(
        self, place: str | Path, known: Labels, game: Parts, halves: list[Seen]
    ) -> Iterator[Finding]:
        """The labels of one game."""
        files = known.files([halves[0].video])
        self._done.update(file.resolve() for file in files)
        file = files[-1] if files and Path(place).is_dir() else place
        try:
            starts_ms = {half.half: half.start_ms for half in halves if half.start_ms is not None}
            actions = in_halves(known.of(game), starts_ms)
            for half in halves:
                if half.start_ms is None:
                    check_half_known(half.video, [half.half], actions)
            if any(self._counts_frames(file) for file in files):
                self.in_frames += halves
        except InputError as error:
            yield of_error(error, file)
            return
        yield from _owners(halves)
        self.halves += halves
        ends = {half.half: half.end_seconds for half in reversed(halves)}  # where several, of the first
        if any(half.is_one_of_two for half in halves):  # the others' labels are for videos elsewhere
            actions = [action for action in actions if action.half in ends]
        yield from self._look(file, actions, ends)

    def _counts_frames(self, file: Path) -> bool:
        """Whether a labels file, which may be for many games, says when actions are in frame numbers."""
        if file not in self._forms:
            self._forms[file] = counts_frames(file)
        return self._forms[file]

    def _alone(self, path: Path) -> Iterator[Finding]:
        """A labels file whose video was not seen."""
        self._done.add(path.resolve())
        try:
            sets, known = read_label_sets(path), ends_in(path)
        except InputError as error:
            yield of_error(error, path)
            return
        for video, actions in sets.items():
            actions = in_halves(actions, {})
            ends = {action.half: known[video] for action in actions if video in known}
            if actions or len(sets) == 1:  # of several videos some may well show nothing
                yield from self._look(f"{path}, {video}" if video else path, actions, ends)

    def _look(self, file: str | Path, actions: list[Action], ends: dict[int, float]) -> Iterator[Finding]:
        self._media.looked["labels file"] = len(self._done)
        self._media.looked["label"] += len(actions)
        self.names.setdefault(file, Counter()).update(action.label for action in actions)
        yield from check_actions(file, actions, ends, self._fps)


def _owners(halves: Iterable[Seen]) -> Iterator[Finding]:
    """Two videos that would share the labels of a half."""
    owner: dict[int, str] = {}
    for half in halves:
        other = owner.setdefault(half.half, half.video)
        if os.path.abspath(other) != os.path.abspath(half.video):
            what = f"and {other} both hold half {half.half} of one game, by their names and labels"
            yield Finding(half.video, what, "give one of them, or each labels of its own")
