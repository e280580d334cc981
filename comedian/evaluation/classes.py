"""Which classes count where nobody says so: SoccerNet's, or those of the labels."""

from collections.abc import Iterable, Sequence

from comedian.errors import cut_short
from comedian.evaluation.cells import GameResult
from comedian.formats.classes import classes_meant
from comedian.recipes.model import SOCCERNET_CLASSES


def classes_of(
    games: Iterable[GameResult], given: Sequence[str] | None = None
) -> tuple[Sequence[str], list[str]]:
    """The classes to score, and a remark where they are the labels' own.

    Args:
        given: the classes, if somebody named them. Else they are SoccerNet's 17; or, where labels have none
            of those, what the labels have, in alphabetical order.
    """
    labels = {action.label for game in games for action in game.actions}
    own = classes_meant(labels, given)
    if given is not None or own == SOCCERNET_CLASSES:
        return own, []
    what = f"{len(own)} {'class' if len(own) == 1 else 'classes'}"
    named = cut_short(", ".join(own))
    return own, [f"no label is one of SoccerNet's classes; the labels' own count, {what}: {named}"]
