"""The halves that a stage trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

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
