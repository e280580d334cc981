"""extract-frames: from videos to frames files."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError
from comedian.formats.games import VIDEO_SUFFIXES, files_of, find_games, with_periods
from comedian.formats.periods import parse_periods

from ._app import command
from ._frames import Format, Frames, with_frames
from ._options import Periods, PlanOnly, Prefer, Quiet, Root, by_name
from ._plan import print_plan
from ._progress import progress
from ._say import say_left_out, warn
from ._torchrun import is_first, shared

NAME = "extract-frames"
SOURCES = typer.Argument(
    metavar="VIDEOS", callback=by_name("videos"), help="Videos, game folders or .txt lists of them."
)
OUTPUT = typer.Option(
    "--output", "-o", metavar="FOLDER", callback=by_name("frames"), help="Folder for the frames files."
)


@with_frames
def extract_frames(
    sources: Annotated[list[str], SOURCES],
    output: Annotated[Path, OUTPUT],
    *,
    root: Root = None,
    prefer: Prefer = None,
    periods: Periods = None,
    frames: Frames,
    force: Annotated[bool, typer.Option("--force", help="Also what is done already.")] = False,
    plan: PlanOnly = False,
    quiet: Quiet = False,
) -> None:
    """Decode videos once and keep what training and spotting look at: small frames with their times.

    Writes one frames file a half, and the files' paths to standard output. What is done and whole is
    left alone. A damaged video gives what it has, and one line says what it lost.
    """
    quiet = quiet or not is_first()  # what becomes of its videos, the first one says
    if not frames.fps > 0:
        raise InputError(f"cannot sample {frames.fps:g} frames a second", "--fps", "give a positive rate")
    if output.exists() and not output.is_dir():
        raise InputError("is a file", output, "name a folder with -o")
    if frames.format == Format.raw and frames.quality is not None and not quiet:
        warn(NAME, "--quality has no effect with --format raw")
    from comedian.video.extract import extract_all
    from comedian.video.extract import plan as jobs_of

    games = find_games(sources, VIDEO_SUFFIXES, root, prefer)
    games = with_periods(games, parse_periods(periods or (), "--half"))
    jobs = jobs_of(games, output)
    if not quiet:
        say_left_out(sources, files_of(games), partial(warn, NAME))
    recipe, workers = frames.recipe, frames.workers
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
