"""Findings about videos, frames, features and banks: what they hold, and whether they fit each other."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from comedian.data.findings import Finding, of_error
from comedian.data.halves import geometry_of
from comedian.data.remarks import LABEL_SLACK_SECONDS, bank_end, differ, meant_rate
from comedian.errors import InputError
from comedian.formats.bank import BankTimes
from comedian.formats.clocks import clock, hours_clock
from comedian.formats.features import open_features
from comedian.formats.frames import FramesFile
from comedian.formats.games import Game, Half, with_periods
from comedian.formats.naming import FRAMES_SUFFIXES, half_number, named
from comedian.formats.periods import SUFFIX
from comedian.recipes.model import ModelRecipe
from comedian.video.inspect import inspect

WINDOW_SECONDS = float(ModelRecipe().num_tokens)  # a token is a second
READ_ROWS = 1 << 12  # of features, at once


@dataclass(frozen=True)
class Seen:
    """One half that could be opened.

    Attributes:
        path: the file.
        video: the video it is, or was made from, by name.
        game: the game's name, `/`-separated.
        half: its number.
        end_seconds: where it ends, from its start.
        start_ms: where it begins in a video that holds several; None where that is all of it.
        is_one_of_two: whether it was named by itself and its name says which half it is, so that the other
            may be elsewhere.
        uneven_fraction: of a video, how many intervals between pictures are not the usual one.
    """

    path: Path
    video: str
    game: str
    half: int
    end_seconds: float
    start_ms: int | None = None
    is_one_of_two: bool = False
    uneven_fraction: float = 0.0


@dataclass
class Media:
    """Looks at files, one after the other.

    Attributes:
        decode: every picture and row, not only times and headers.
        features_fps: rows a second that build-bank is told of feature files.
        window_seconds: of the recipe; None is the default recipe's.
        seen: the halves that could be opened, in order.
        looked: how many files were looked at, by kind.
    """

    decode: bool = False
    features_fps: float = 1.0
    window_seconds: float | None = None
    seen: list[Seen] = field(default_factory=list)
    looked: Counter = field(default_factory=Counter)
    _first: FramesFile | None = None

    def video(self, path: Path, game: str, half: int, by_itself: bool = False) -> Iterator[Finding]:
        """Open a video and look at its packets, or pictures; `by_itself`: it was named, not found."""
        self.looked["video"] += 1
        try:
            found = inspect(path, self.decode)
            (whole,) = with_periods([Game(game, (Half(path, half),), folder=False)])
        except InputError as error:
            yield of_error(error, path)
            return
        if found.damage:
            yield Finding(path, found.damage, "get it again, or go on with what is there")
        one_of_two = by_itself and half_number(path, 0) > 0
        uneven = found.uneven_fraction if found.is_variable and not found.damage else 0.0
        for part in whole.halves:
            start_ms, end_ms = (part.period.start_ms, part.period.end_ms) if part.period else (None, None)
            end_seconds = found.end_seconds if end_ms is None else min(end_ms / 1000, found.end_seconds)
            if (end_ms or start_ms or 0) / 1000 > found.end_seconds + LABEL_SLACK_SECONDS:
                what = f"period {part.number} lies past its end ({hours_clock(found.end_seconds)})"
                yield Finding(path, what, f"mend {path.name}{SUFFIX}")
            length = max(0.0, end_seconds - (start_ms or 0) / 1000)
            self.seen.append(Seen(path, str(path), game, part.number, length, start_ms, one_of_two, uneven))

    def frames(self, path: Path, game: str, by_itself: bool = False) -> Iterator[Finding]:
        """Open a frames file, and its video's name and size."""
        self.looked["frames file"] += 1
        try:
            file = FramesFile(path)
            if self.decode:
                for index in range(len(file)):
                    file.read([index])
        except InputError as error:
            yield of_error(error, path)
            return
        if file.damage:
            yield Finding(
                path, f"its video was {file.damage}", "extract whole videos, or go on with what is there"
            )
        if os.path.isfile(file.video) and file.video_bytes not in (-1, os.path.getsize(file.video)):
            yield Finding(path, f"its video has changed since: {file.video}", "run extract-frames again")
        self._first = self._first or file
        if geometry_of(file) != geometry_of(self._first):
            what = f"holds frames of {geometry_of(file)}, {self._first.path} of {geometry_of(self._first)}"
            yield Finding(path, what, "extract all games alike")
        start_ms = file.period.start_ms if file.period else None
        one_of_two = by_itself and half_number(file.video, 0) > 0
        end_seconds = float(file.seconds[-1])
        self.seen.append(Seen(path, file.video, game, file.half, end_seconds, start_ms, one_of_two))

    def features(self, path: Path) -> Iterator[Finding]:
        """Open a feature file, and compare its length with the half of its game that was seen."""
        self.looked["feature file"] += 1
        try:
            rows = open_features(path)
        except InputError as error:
            yield of_error(error, path)
            return
        if self.decode and not all(
            np.isfinite(rows[start : start + READ_ROWS]).all() for start in range(0, len(rows), READ_ROWS)
        ):
            yield Finding(path, "holds NaN or infinity", "make the file again")
        for half in self._halves_of(path):
            if differ(len(rows) / self.features_fps, half.end_seconds):
                what = f"{len(rows)} rows at {self.features_fps:g} a second end at "
                what += (
                    f"{clock(len(rows) / self.features_fps)}, {half.path.name} at {clock(half.end_seconds)}"
                )
                yield Finding(path, what, _remedy(len(rows), half.end_seconds, self.features_fps))

    def bank(self, path: Path) -> Iterator[Finding]:
        """Open a bank, and compare its halves with those that were seen."""
        self.looked["bank"] += 1
        try:
            bank = BankTimes(path)
        except InputError as error:
            yield of_error(error, path)
            return
        absent: list[Finding] = []
        frames = [half for half in self.seen if half.path.suffix in FRAMES_SUFFIXES]
        for half in frames or self.seen:
            try:
                rows = bank.rows(half.game, half.half)
            except InputError as error:
                absent.append(of_error(error, path))
                continue
            end = bank_end(bank, half.game, half.half)
            if differ(end, half.end_seconds):
                ends = f"ends at {clock(end)}, {half.path} at {clock(half.end_seconds)}"
                number = rows.stop - rows.start
                remedy = _remedy(number, half.end_seconds, number / end if end else 0.0)
                yield Finding(path, f"half {half.half} of {half.game} {ends}", remedy)
        if absent:
            more = f", and {len(absent) - 1} more halves are not in it" if len(absent) > 1 else ""
            yield absent[0]._replace(what=absent[0].what + more)

    def short(self, training: Iterable[Seen]) -> Iterator[Finding]:
        """Halves that are shorter than a window, of which some are meant for training."""
        meant = {half.path for half in training}
        own = self.window_seconds
        window, whose = (WINDOW_SECONDS, "default recipe") if own is None else (own, "recipe")
        for half in self.seen:
            if half.end_seconds < window:
                what = f"lasts {half.end_seconds:.0f} s, a window of the {whose} {window:.0f} s"
                tokens = max(2, int(half.end_seconds) // 2)
                remedy = f"train with shorter windows: finetune --set model.num_tokens={tokens}"
                yield Finding(half.path, what, remedy, hurts=half.path in meant)

    def uneven(self, counted: Iterable[Seen]) -> Iterator[Finding]:
        """Videos of a variable rate; they hurt where labels were `counted` in frames."""
        meant = {half.path for half in counted}
        for half in self.seen:
            if half.uneven_fraction:
                what = f"its pictures come at varying intervals ({half.uneven_fraction:.0%} are unusual)"
                remedy = "frame numbers mean no times in it; ours are times, and are right"
                if half.path in meant:
                    remedy = "give labels in times, or make it even: ffmpeg -i VIDEO -fps_mode cfr OTHER"
                yield Finding(half.path, what, remedy, hurts=half.path in meant)

    def _halves_of(self, path: Path) -> list[Seen]:
        """What was seen of the half that a feature file is of."""
        own = named(path)
        return [
            half
            for half in self.seen
            if half.half == own.half and half.game.split("/")[-1] == (own.game or ("",))[-1]
        ][:1]


def _remedy(num_rows: int, end_seconds: float, rate: float) -> str:
    """What to tell build-bank, where another rate makes both equally long."""
    meant = meant_rate(num_rows, end_seconds)
    if meant is None or abs(meant - rate) < 0.01 * meant:
        return "make features and frames of the same videos"
    return f"make the bank again: build-bank --features-fps {meant:g}"


def missing_halves(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Games of which one half was seen, and the other was not."""
    games: dict[tuple[str, Path], set[int]] = {}
    for half in seen:
        if named(half.path).half and not half.is_one_of_two:
            games.setdefault((half.game, half.path.parent), set()).add(half.half)
    for (_, folder), halves in games.items():
        if len(halves) == 1:
            (number,) = halves
            yield Finding(
                folder,
                f"holds half {number} and no half {3 - number}",
                "get it, if it was played",
                hurts=False,
            )
