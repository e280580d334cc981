"""build-bank: a bank of features for step 2, and look-ups in it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._io import refuse_dash, warn
from ._options import Device, Quiet, Root, Workers, pick_device
from ._progress import progress

SOURCES = typer.Argument(metavar="SOURCES…", help="Files, folders or .txt lists; with --query the bank.")
TEACHER = typer.Option(help="Run over frames: timm:NAME, timm:NAME@WEIGHTS, or a weights file of ours.")
NAME = typer.Option(metavar="ENDING", help="Take feature files that end so [default: .npy].")
QUERY = typer.Option(metavar="GAME@MM:SS", help="List the moments of the bank most like this one.")


def build_bank(
    sources: Annotated[list[str], SOURCES],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Bank file to write.")] = None,
    teacher: Annotated[str | None, TEACHER] = None,
    root: Root = None,
    features_fps: Annotated[
        float | None, typer.Option(help="Rows a second of feature files [default: 1].")
    ] = None,
    features_offset: Annotated[
        float | None, typer.Option(help="Seconds of their first row [default: 0].")
    ] = None,
    features_name: Annotated[str | None, NAME] = None,
    dim: Annotated[int, typer.Option(min=1, help="Width of a row after PCA, at most.")] = 512,
    tau: Annotated[float, typer.Option(help="Temperature of the soft targets.")] = 0.07,
    neighbours: Annotated[
        int | None, typer.Option(min=1, help="Soft targets from so many nearest rows [default: all rows].")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float16 or float32, of the rows.")] = "float16",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frame pairs the teacher sees at once [default: 32].")
    ] = None,
    device: Device = "auto",
    workers: Workers = 2,
    quiet: Quiet = False,
    query: Annotated[str | None, QUERY] = None,
    half: Annotated[int | None, typer.Option(help="Half of --query [default: its file's, else 1].")] = None,
    num: Annotated[int, typer.Option("-k", min=1, help="Moments that --query lists.")] = 10,
    table: Annotated[
        bool, typer.Option("--table", help="A table in place of JSON Lines for --query.")
    ] = False,
) -> None:
    """Make a bank from .npy feature files, or from frames seen by a --teacher.

    Features are z-scored, reduced by PCA and scaled to unit length; each row's soft target is computed
    once, here. Writes one JSON line about the bank to standard output. With --query it lists the moments
    of a bank that are most like one of its own.
    """
    for path in (output, teacher, *sources):
        refuse_dash(path, "features, frames, weights and banks")
    if query is not None:
        _list_moments(sources, output, query, half, num, table)
        return
    if output is None or output.is_dir():
        raise InputError("no output file was given", output, "name a bank file with -o")
    _warn_ignored(bool(teacher), batch_size, features_fps, features_offset, features_name)
    from comedian.formats.games import FEATURES_SUFFIXES, FRAMES_SUFFIXES, find_games
    from comedian.recipes.bank import BankRecipe

    recipe = BankRecipe(dim, tau, neighbours, dtype)
    suffixes = frozenset({features_name.lower()}) if features_name else FEATURES_SUFFIXES
    games = find_games(sources, FRAMES_SUFFIXES if teacher else suffixes, root)
    with progress(quiet) as report:
        shared = {"device": pick_device(device), "report": report}
        if teacher:
            from comedian.training.teacher import bank_from_frames

            batch = {"batch_size": batch_size or 32, "workers": workers}
            summary = bank_from_frames(games, teacher, output, recipe, **batch, **shared)
        else:
            from comedian.bank import bank_from_features

            times = {"features_fps": features_fps or 1.0, "offset_seconds": features_offset or 0.0}
            summary = bank_from_features(games, output, recipe, **times, **shared)
    print(json.dumps(summary))


def _warn_ignored(has_teacher: bool, batch_size, *of_features) -> None:
    names = ("--features-fps", "--features-offset", "--features-name")
    given = dict(zip(names, of_features, strict=True)) if has_teacher else {"--batch-size": batch_size}
    for option in [option for option, value in given.items() if value is not None]:
        warn("build-bank", f"{option} has no effect with{'' if has_teacher else 'out'} --teacher")


def _list_moments(sources, output, query, half, num, table) -> None:
    if len(sources) != 1 or output is not None:
        raise InputError(
            "--query takes one bank and writes no file", remedy="leave -o and more sources out"
        )
    from comedian.bank import nearest_moments, parse_moment
    from comedian.formats.bank import Bank

    for moment in nearest_moments(Bank(sources[0]), *parse_moment(query, half), num):
        if table:
            print("{cosine:7.4f}  {position:>6}  half {half}  {game}".format_map(moment))
        else:
            print(json.dumps(moment, ensure_ascii=False))


main = command(build_bank, example="build-bank frames --teacher spatial.safetensors -o bank.h5")
