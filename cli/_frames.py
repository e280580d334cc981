"""The options that say how frames are extracted."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from comedian.recipes.frames import FramesRecipe
from comedian.recipes.schema import check

from ._app import gathered, parameters_of
from ._options import Sampling


class Format(StrEnum):
    """How frames are kept."""

    jpeg = "jpeg"
    raw = "raw"


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "398x224"."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise typer.BadParameter("give width x height in pixels, such as 398x224")
    return int(match[1]), int(match[2])


FPS = typer.Option(metavar="RATE", help="Frames a second.")
SIZE: Any = typer.Option(
    metavar="WIDTHxHEIGHT", parser=parse_size, help="Pixels; the whole picture is stretched to it."
)
SAMPLING = typer.Option(
    help="The frame on screen at k/fps, or what ffmpeg -vf fps picks (1/2 frame later)."
)
FORMAT = typer.Option(help="How frames are kept; raw is exact.")
QUALITY = typer.Option(min=1, max=100, metavar="NUMBER", help=f"Of JPEG [default: {FramesRecipe.quality}].")
WORKERS = typer.Option(
    min=1, metavar="NUMBER", help="Videos, or parts of one, decoded at once [default: one a core]."
)
DEFAULT_SIZE: Any = "{}x{}".format(*FramesRecipe.size)  # as a user types it


@dataclass(frozen=True)
class Frames:
    """The values of the options."""

    fps: Annotated[float, FPS] = FramesRecipe.fps
    size: Annotated[tuple, SIZE] = DEFAULT_SIZE
    sampling: Annotated[Sampling, SAMPLING] = Sampling[FramesRecipe.sampling]
    format: Annotated[Format, FORMAT] = Format[FramesRecipe.encoding]
    quality: Annotated[int | None, QUALITY] = None
    workers: Annotated[int | None, WORKERS] = None

    @property
    def recipe(self) -> FramesRecipe:
        """How frames are extracted; InputError where a value is out of its range."""
        quality = self.quality or FramesRecipe.quality
        return check(FramesRecipe(self.fps, self.size, self.sampling.value, self.format.value, quality))


def with_frames(function: Callable) -> Callable:
    """Give a command these options where its parameter `frames` stands, which receives them as one."""
    parameters = list(inspect.signature(function).parameters.values())
    place = [item.name for item in parameters].index("frames")
    parameters[place : place + 1] = parameters_of(Frames)
    return gathered(function, "frames", Frames, parameters)
