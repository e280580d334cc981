"""extract-frames: from videos to frames files."""

import re
from contextlib import closing
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from comedian.errors import InputError
from comedian.formats.games import VIDEO_SUFFIXES, files_of, find_games, with_periods
from comedian.formats.periods import parse_periods
from comedian.recipes.frames import FramesRecipe
from comedian.recipes.schema import check

from ._app import command
from ._options import Periods, PlanOnly, Prefer, Quiet, Root, Sampling, by_name
from ._plan import print_plan
from ._progress import progress
from ._say import say_left_out, warn
from ._torchrun import is_first, shared

NAME = "extract-frames"


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


SOURCES = typer.Argument(
    metavar="VIDEOS", callback=by_name("videos"), help="Videos, game folders or .txt lists of them."
)
OUTPUT = typer.Option(
    "--output", "-o", metavar="FOLDER", callback=by_name("frames"), help="Folder for the frames files."
)
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


def extract_frames(
    sources: Annotated[list[str], SOURCES],
    output: Annotated[Path, OUTPUT],
    root: Root = None,
    prefer: Prefer = None,
    periods: Periods = None,
    fps: Annotated[float, FPS] = FramesRecipe.fps,
    size: Annotated[tuple, SIZE] = DEFAULT_SIZE,
    sampling: Annotated[Sampling, SAMPLING] = Sampling[FramesRecipe.sampling],
    format: Annotated[Format, FORMAT] = Format[FramesRecipe.encoding],
    quality: Annotated[int | None, QUALITY] = None,
    workers: Annotated[int | None, WORKERS] = None,
    force: Annotated[bool, typer.Option("--force", help="Also what is done already.")] = False,
    plan: PlanOnly = False,
    quiet: Quiet = False,
) -> None:
    """Decode videos once and keep what training and spotting look at: small frames with their times.

    Writes one frames file a half, and the files' paths to standard output. What is done and whole is
    left alone. A damaged video gives what it has, and one line says what it lost.
    """
    quiet = quiet or not is_first()  # what becomes of its videos, the first one says
    if not fps > 0:
        raise InputError(f"cannot sample {fps:g} frames a second", "--fps", "give a positive rate")
    if output.exists() and not output.is_dir():
        raise InputError("is a file", output, "name a folder with -o")
    if format == Format.raw and quality is not None and not quiet:
        warn(NAME, "--quality has no effect with --format raw")
    from comedian.video.extract import extract_all
    from comedian.video.extract import plan as jobs_of

    games = find_games(sources, VIDEO_SUFFIXES, root, prefer)
    games = with_periods(games, parse_periods(periods or (), "--half"))
    jobs = jobs_of(games, output)
    if not quiet:
        say_left_out(sources, files_of(games), partial(warn, NAME))
    recipe = check(FramesRecipe(fps, size, sampling.value, format.value, quality or FramesRecipe.quality))
    if plan:
        from comedian.video.trial import extraction_plan

        print_plan(extraction_plan(jobs, recipe, output, workers, force, partial(warn, NAME)))
        return
    kept = failed = 0
    with (
        progress(quiet) as report,
        shared() as (own, one_each),
        closing(
            extract_all(jobs[own], recipe, workers, force, partial(report, NAME, total=1.0))
        ) as outcomes,
    ):
        for outcome in one_each(len(jobs), outcomes):
            kept, failed = kept + outcome.kept, failed + bool(outcome.error)
            if outcome.damage:
                warn(NAME, f"{outcome.job.video}: {outcome.damage}")
            if outcome.error:
                warn(NAME, outcome.error)
            else:
                print(outcome.job.target, flush=True)
    if kept and not quiet:
        warn(NAME, f"{kept} of {len(jobs)} files were there already, whole (--force makes them anew)")
    if failed:
        raise typer.Exit(1)


main = command(extract_frames, example="extract-frames match.mkv -o frames && spot frames | nms --soft")
