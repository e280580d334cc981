"""From spots, labels and scores to the matches that pages show."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from comedian.evaluation.classes import classes_of
from comedian.evaluation.errors import list_errors
from comedian.evaluation.pairing import collect, pair
from comedian.formats.lookup import Labels
from comedian.formats.naming import game_name
from comedian.formats.scores import Scores, ScoresFile
from comedian.formats.spot import Spot
from comedian.pages.timeline import Match


def matches_of(
    spots: Sequence[Spot],
    labels: Path | None = None,
    scores: Path | None = None,
    video: Path | None = None,
    tolerance_seconds: int = 5,
    say: Callable[[str], None] = print,
) -> list[tuple[str, Match]]:
    """The matches of some spots, by name, in the order in which they come.

    Args:
        labels: a folder or file of labels; None draws spots alone.
        scores: a file of `spot --scores`; None draws no lanes.
        video: the file to show, in place of those that spots name.
        tolerance_seconds: full width within which a spot is a hit.

    Raises:
        InputError: there are no labels for a video, or the scores cannot be read.
    """
    file = ScoresFile(scores) if scores else None
    halves: dict[str, list[Scores]] = {}
    for half in file or ():
        halves.setdefault(game_name(half.video), []).append(half)
    games: dict[str, list[Spot]] = {game: [] for game in halves}
    count: int | None = None
    if labels is not None:
        spots, count = _judged(spots, labels, tolerance_seconds, say)
    for spot in spots:
        games.setdefault(game_name(spot["video"]), []).append(spot)
    columns = file.classes if file else ()
    return [
        (game, Match(some, count, halves.get(game, ()), columns, video)) for game, some in games.items()
    ]


def _judged(
    spots: Sequence[Spot], labels: Path, tolerance_seconds: int, say: Callable[[str], None]
) -> tuple[list[Spot], int]:
    """Spots and misses with what became of them, and how many labels there are."""
    videos = collect(spots, whole=True)
    results, remarks = pair(videos, Labels(videos, labels))
    classes, said = classes_of(results)
    for message in remarks + said:
        say(message)
    lines = list_errors(results, classes, tolerance_seconds)
    return cast(list[Spot], list(lines)), sum(len(game.actions) for game in results)
