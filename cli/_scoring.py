"""What the commands that compare with labels have in common."""

from typing import Annotated

import typer

from ._options import by_name

GAMES = typer.Option(
    metavar="FILE",
    callback=by_name("lists"),
    help="List of games to score; without a spot they count as missed.",
)
FPS = typer.Option(
    "--fps", "--framerate", min=1, max=1000, metavar="RATE", help="Frames a second; ball spotting 25."
)

Fps = Annotated[int, FPS]


def known_metrics(text: str, known: list[str]) -> list[str]:
    """Names of metrics from text with commas; each must be known."""
    wanted = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {','.join(known)}", param_hint="--metrics")
    return wanted
