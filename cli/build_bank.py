"""build-bank: a bank of features for step 2, and look-ups in it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError

from ._app import command
from ._io import check_output, refuse_dash, warn
from ._options import Device, Quiet, Root, Workers
from ._progress import progress

SOURCES = typer.Argument(metavar="SOURCES", help="Files, folders or .txt lists; the bank with --query.")
TEACHER = typer.Option(help="Run over frames: timm:NAME, timm:NAME@WEIGHTS, or a weights file of ours.")
FPS = typer.Option(help="Rows a second of feature files.")
ENDING = typer.Option(metavar="ENDING", help="Take the feature files whose names end so.")
NEIGHBOURS = typer.Option(min=1, help="Soft targets from so many nearest rows [default: from all].")
QUERY = typer.Option(metavar="GAME@MM:SS", help="List the moments of the bank most like this one.")

BUILD = frozenset("sources quiet output root dim tau neighbours dtype device".split())
USES = {  # the options of each of the three uses
    "--query": frozenset("sources quiet query half num table".split()),
    "--teacher": BUILD | {"teacher", "batch_size", "workers"},
    "feature files": BUILD | {"features_fps", "features_offset", "features_name"},
}


def build_bank(
    context: typer.Context,
    sources: Annotated[list[str], SOURCES],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Bank file to write.")] = None,
    teacher: Annotated[str | None, TEACHER] = None,
    root: Root = None,
    features_fps: Annotated[float, FPS] = 1.0,
    features_offset: Annotated[float, typer.Option(help="Seconds of their first row.")] = 0.0,
    features_name: Annotated[str, ENDING] = ".npy",
    dim: Annotated[int, typer.Option(min=1, help="Width of a row after PCA, at most.")] = 512,
    tau: Annotated[float, typer.Option(help="Temperature of the soft targets.")] = 0.07,
    neighbours: Annotated[int | None, NEIGHBOURS] = None,
    dtype: Annotated[str, typer.Option(help="float16 or float32, of the rows.")] = "float16",
    batch_size: Annotated[int, typer.Option(min=1, help="Frame pairs the teacher sees at once.")] = 32,
    device: Device = "auto",
    workers: Workers = 2,
    query: Annotated[str | None, QUERY] = None,
    half: Annotated[int | None, typer.Option(help="Half of --query [default: its file's, else 1].")] = None,
    num: Annotated[int, typer.Option("-k", min=1, help="Moments that --query lists.")] = 10,
    table: Annotated[bool, typer.Option("--table", help="A table in place of JSON Lines.")] = False,
    quiet: Quiet = False,
) -> None:
    """Make a bank from .npy feature files, or from frames seen by a --teacher.

    Features are z-scored, reduced by PCA and scaled to unit length; each row's soft target is computed
    once, here. Writes one JSON line about the bank to standard output. With --query it lists the moments
    of a bank that are most like one of its own.
    """
    for path in (output, teacher, *sources):
        refuse_dash(path, "features, frames, weights and banks")
    _warn_ignored(context, "--query" if query else "--teacher" if teacher else "feature files", quiet)
    if query:
        _list_moments(sources, query, half, num, table)
        return
    if output is None:
        raise InputError("no output was given", remedy="name a bank file with -o")
    check_output(output)
    from comedian.distributed import pick_device
    from comedian.formats.games import FRAMES_SUFFIXES, find_games
    from comedian.recipes.bank import BankRecipe

    recipe = BankRecipe(dim, tau, neighbours, dtype)
    games = find_games(sources, FRAMES_SUFFIXES if teacher else frozenset({features_name.lower()}), root)
    with progress(quiet) as report:
        shared = {"device": pick_device(device), "report": report}
        if teacher:
            from comedian.bank.teacher import bank_from_frames

            options = {"batch_size": batch_size, "workers": workers}
            summary = bank_from_frames(games, teacher, output, recipe, **options, **shared)
        else:
            from comedian.bank.build import bank_from_features

            options = {"features_fps": features_fps, "offset_seconds": features_offset}
            summary = bank_from_features(games, output, recipe, **options, **shared)
    print(json.dumps(summary))


def _warn_ignored(context: typer.Context, use: str, quiet: bool) -> None:
    for name in [] if quiet else context.params:
        if name not in USES[use] and context.get_parameter_source(name).name == "COMMANDLINE":
            option = "-k" if name == "num" else f"--{name.replace('_', '-')}"
            warn("build-bank", f"{option} has no effect with {use}")


def _list_moments(sources: list[str], query: str, half: int | None, num: int, table: bool) -> None:
    if len(sources) != 1:
        raise InputError("--query looks into one bank", remedy="name one bank file")
    from comedian.bank.query import nearest_moments, parse_moment
    from comedian.formats.bank import Bank

    moment = parse_moment(query, half)
    for near in nearest_moments(Bank(sources[0]), *moment, num):
        if table:
            print("{cosine:7.4f}  {position:>6}  half {half}  {game}".format_map(near))
        else:
            print(json.dumps(near, ensure_ascii=False))


main = command(build_bank, example="build-bank frames --teacher spatial.safetensors -o bank.h5")
