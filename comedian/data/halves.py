"""The halves that a stage trains on."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from comedian.errors import InputError
from comedian.formats.frames import FramesFile, Geometry
from comedian.formats.games import Game


@dataclass(frozen=True)
class Halves:
    """The halves a stage trains on.

    Attributes:
        files: one frames file a half.
        games: number of the game each half belongs to.
        names: name of each game.
    """

    files: list[FramesFile]
    games: list[int]
    names: list[str]

    @classmethod
    def open(cls, games: Sequence[Game]) -> "Halves":
        """Open all frames files of some games; they must have equal geometry."""
        files = [FramesFile(half.path) for game in games for half in game.halves]
        numbers = [number for number, game in enumerate(games) for _ in game.halves]
        _check_alike(files)
        return cls(files, numbers, [game.name for game in games])

    def split(self, fraction: float, seed: int = 0) -> tuple["Halves", "Halves"]:
        """Two parts: the rest, and about a fraction of the games, at least one; of one game, of its halves.

        Raises:
            InputError: there is only one half.
        """
        groups = self.games if len(self.names) > 1 else list(range(len(self.files)))
        number = max(1, round(fraction * len(set(groups))))
        if len(set(groups)) < 2 or number >= len(set(groups)):
            remedy = "give more games, or a smaller fraction"
            raise InputError(f"of {len(set(groups))} nothing is left to train on", "--hold-out", remedy)
        held = set(Random(seed).sample(sorted(set(groups)), number))
        return self._part([group not in held for group in groups]), self._part(
            [group in held for group in groups]
        )

    def _part(self, chosen: Sequence[bool]) -> "Halves":
        kept = [half for half, keep in enumerate(chosen) if keep]
        numbers = {game: number for number, game in enumerate(sorted({self.games[half] for half in kept}))}
        return Halves(
            [self.files[half] for half in kept],
            [numbers[self.games[half]] for half in kept],
            [self.names[game] for game in numbers],
        )

    @property
    def geometry(self) -> Geometry:
        """What all the frames have in common."""
        return geometry_of(self.files[0])

    def name_of(self, half: int) -> str:
        """Name of the game that a half belongs to."""
        return self.names[self.games[half]]


def _check_alike(halves: Sequence[FramesFile]) -> None:
    first = geometry_of(halves[0])
    for half in halves:
        if geometry_of(half) != first:
            what = f"holds frames of {geometry_of(half)}, {halves[0].path} of {first}"
            raise InputError(what, half.path, "extract all games alike")


def geometry_of(half: FramesFile) -> Geometry:
    return Geometry(fps=half.fps, width=half.width, height=half.height, sampling=half.sampling)
