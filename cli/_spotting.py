"""Where spots go: lines, a file for each game in a folder, or a list on a terminal."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from comedian.errors import InputError
from comedian.formats.naming import below, named
from comedian.formats.spot import Spot

from ._io import open_output, write_spots
from ._progress import loading
from ._torchrun import are_several

SHOWN = 40  # spots of a list on a terminal
GAP_SECONDS = 15.0  # by which two of a label are apart there
Take = Callable[[str, int, Iterable[Spot]], None]  # video, half and spots of it, several times a half


def is_folder(output: str) -> bool:
    """Whether spots go into a folder, a file for each game."""
    if output.endswith("/") and Path(output).is_file():
        raise InputError("is a file", output, "name a folder, or a file without the slash")
    return output != "-" and (output.endswith("/") or Path(output).is_dir())


def game_path(folder: str, game: str) -> Path:
    """The file of a game, below the folder wherever its name points to."""
    if not (parts := below(game)):
        raise InputError(f"{game!r} names no game", None, "name videos by folder and file")
    return Path(folder).joinpath(*parts[:-1], f"{parts[-1]}.jsonl")


def still_to_do(output: str, halves: Sequence) -> list:
    """The halves of games that have no file yet in a folder; all where spots go elsewhere."""
    if not is_folder(output):
        return list(halves)
    return [half for half in halves if not game_path(output, half.game).is_file()]


@contextmanager
def importing_beside(halves: Sequence, weights: Sequence[str], quiet: bool) -> Iterator:
    """Import torch, while frames of the first half are decoded already; yield these, or None."""
    from comedian.spotting.decoding import first_begun

    with first_begun([] if are_several() else halves, weights) as begun:
        with loading("spot", quiet):
            import comedian.spotting.sources  # noqa: F401
        yield begun


def open_target(
    output: str, halves: Sequence, broken: Collection[Path], say: Callable[[str], None]
) -> AbstractContextManager[Take]:
    """What takes the spots, and has written them in the end.

    Args:
        broken: videos that could not be read, filled while spots come: their games get no file.
    """
    if is_folder(output):
        return _games(output, {(half.video, half.half): half.game for half in halves}, broken, say)
    return _table(say) if output == "-" and sys.stdout.isatty() else _lines(output)


@contextmanager
def _lines(output: str) -> Iterator[Take]:
    with open_output(output) as stream:
        yield lambda video, half, spots: write_spots(stream, spots)


@contextmanager
def _games(
    output: str, games: dict[tuple[str, int], str], broken: Collection[Path], say: Callable[[str], None]
) -> Iterator[Take]:
    """A file for each game, written when the next one begins."""
    waiting: list[Spot] = []
    current: list[tuple[str, str]] = []  # the game, and a video of it

    def flush() -> None:
        for game, video in current:
            if named(video).game in {named(path).game for path in broken}:
                say(f"{game}: not written, since it lacks a video; the same line goes on when it is mended")
                continue
            path = game_path(output, game)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_output(str(path)) as stream:
                write_spots(stream, waiting)

    def take(video: str, half: int, spots: Iterable[Spot]) -> None:
        game = games[video, half]
        if [game] != [name for name, _ in current]:
            flush()
            waiting.clear()
            current[:] = [(game, video)]
        waiting.extend(spots)

    try:
        yield take
    except (KeyboardInterrupt, RuntimeError) as end:
        end.add_note("the same line goes on")
        raise
    flush()


@contextmanager
def _table(say: Callable[[str], None]) -> Iterator[Take]:
    """The surest spots as a list, in place of a flood."""
    from comedian.spotting.listing import each, table
    from comedian.spotting.suppress import Suppression, by_half

    everything: list[Spot] = []
    yield lambda video, half, spots: everything.extend(spots)
    keep = Suppression("soft", min_gap_seconds=GAP_SECONDS)
    best = list(each(map(keep, by_half(everything)), SHOWN, best_first=True))
    sys.stdout.writelines(f"{line}\n" for line in table(best))
    say(f"these are the {len(best)} surest of {len(everything)} spots; -o FILE, or a pipe, takes all")
