"""build-bank: a bank of features for step 2, and look-ups in it."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from comedian.errors import InputError
from comedian.recipes.bank import BankRecipe

from ._app import command
from ._device import say_device
from ._options import Device, Dtype, Prefer, Quiet, Root, Workers, by_name, warn_ignored
from ._outputs import check_output, refuse_inputs
from ._progress import progress
from ._say import warn

TEACHERS = "timm:NAME, timm:NAME@FILE, hf:NAME, or a weights file"
NUMBER: Any = {"metavar": "NUMBER", "min": 1}
SOURCES = typer.Argument(
    metavar="SOURCES", callback=by_name("features, frames and banks"),
    help="Feature files; frames files with --teacher; folders or .txt lists of them; a bank with --query.",
)  # fmt: skip
OUTPUT = typer.Option(
    "--output", "-o", metavar="FILE", callback=by_name("a bank"), help="Bank to write; --query needs none."
)
TEACHER = typer.Option(callback=by_name("weights"), metavar="TEACHER", help=f"Run over frames: {TEACHERS}.")
FPS = typer.Option(metavar="RATE", help="Rows a second of feature files.")
OFFSET = typer.Option(metavar="SECONDS", help="Time of their first row.")
ENDING = typer.Option(metavar="ENDING", help="Take the feature files whose names end so.")
DIM = typer.Option(help="Width of a row after PCA, at most.", **NUMBER)
TAU = typer.Option("--temperature", "--tau", metavar="NUMBER", help="Temperature of the soft targets.")
NEIGHBOURS = typer.Option(help="Soft targets from so many nearest rows [default: from all].", **NUMBER)
BATCH_SIZE = typer.Option(
    help="Tubelets that the teacher sees at once [default: 32; on a CPU 4].", **NUMBER
)
QUERY = typer.Option(metavar="GAME@MM:SS", help="List the moments of the bank most like this one.")
HALF = typer.Option(max=2, help="Half of --query [default: that of its file's name, else 1].", **NUMBER)
NUM = typer.Option("--num", "-k", help="Moments that --query lists.", **NUMBER)
TABLE = typer.Option("--table", help="A table in place of JSON Lines, with --query.")
TYPE = typer.Option(help="Of the rows.")

BUILD = frozenset("sources quiet output root prefer dim temperature neighbours dtype device".split())
USES = {  # the options of each of the three uses
    "--query": frozenset("sources quiet query half num table".split()),
    "--teacher": BUILD | {"teacher", "batch_size", "workers"},
    "feature files": BUILD | {"features_fps", "features_offset", "features_name"},
}


def build_bank(
    context: typer.Context,
    sources: Annotated[list[str], SOURCES],
    output: Annotated[Path | None, OUTPUT] = None,
    teacher: Annotated[str | None, TEACHER] = None,
    root: Root = None,
    prefer: Prefer = None,
    features_fps: Annotated[float, FPS] = 1.0,
    features_offset: Annotated[float, OFFSET] = 0.0,
    features_name: Annotated[str, ENDING] = ".npy",
    dim: Annotated[int, DIM] = BankRecipe.dim,
    temperature: Annotated[float, TAU] = BankRecipe.temperature_m,
    neighbours: Annotated[int | None, NEIGHBOURS] = BankRecipe.neighbours,
    dtype: Annotated[Dtype, TYPE] = Dtype[BankRecipe.dtype],
    batch_size: Annotated[int | None, BATCH_SIZE] = None,
    device: Device = "auto",
    workers: Workers = None,
    query: Annotated[str | None, QUERY] = None,
    half: Annotated[int | None, HALF] = None,
    num: Annotated[int, NUM] = 10,
    table: Annotated[bool, TABLE] = False,
    quiet: Quiet = False,
) -> None:
    """Make a bank from .npy feature files, or from frames seen by a --teacher.

    Features are z-scored, reduced by PCA and scaled to unit length; each row's soft target is computed
    once, here. Writes one JSON line about the bank to standard output. With --query it lists the moments
    of a bank that are most like one of its own.
    """
    use = "--query" if query else "--teacher" if teacher else "feature files"
    if not quiet:
        others = context.params.keys() - USES[use]
        warn_ignored(context, others, f"with {use}", partial(warn, "build-bank"))
    if query:
        _list_moments(sources, query, half, num, table)
        return
    if output is None:
        raise InputError("no output was given", remedy="name a bank file with -o")
    check_output(output)
    from comedian.devices import pick_device
    from comedian.formats.games import FRAMES_SUFFIXES, files_of, find_games

    recipe = BankRecipe(dim, temperature, neighbours, dtype.value)
    suffixes = FRAMES_SUFFIXES if teacher else frozenset({features_name.lower()})
    games, own_device = find_games(sources, suffixes, root, prefer), pick_device(device)
    refuse_inputs([output], files_of(games))
    say_device("build-bank", device, own_device, quiet)
    with progress(quiet) as report:
        if teacher:
            from comedian.bank.teacher import bank_from_frames
            from comedian.data.loader import decoding_threads

            threads = workers or decoding_threads(own_device)
            summary = bank_from_frames(
                games, teacher, output, recipe, own_device, report, batch_size=batch_size, workers=threads
            )
        else:
            from comedian.bank.build import bank_from_features

            times = {"features_fps": features_fps, "offset_seconds": features_offset}
            summary = bank_from_features(games, output, recipe, own_device, report, **times)
    print(json.dumps(summary))


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
