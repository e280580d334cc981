"""A labelled action, and what a form of labels files is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

VISIBLE, NOT_SHOWN = "visible", "not shown"
IN_FILE = -1  # in place of a half: the position counts from the start of the file


class Action(NamedTuple):
    """One labelled action; `visibility` is SoccerNet's "visible" or "not shown".

    `half` is `IN_FILE` where nothing says which half it is.
    """

    half: int
    position_ms: int | float
    label: str
    visibility: str = VISIBLE


def in_halves(actions: Iterable[Action], starts_ms: Mapping[int, float]) -> list[Action]:
    """Actions in their halves, where some are placed in the file of a game.

    Args:
        starts_ms: where each half begins in the file; where nothing is known the file is half 1.
    """
    starts = sorted((start, half) for half, start in starts_ms.items()) or [(0, 1)]
    return [action if action.half != IN_FILE else _in_half(action, starts) for action in actions]


def _in_half(action: Action, starts: Sequence[tuple[float, int]]) -> Action:
    """An action in the last half that has begun, or in the first."""
    begun = [pair for pair in starts if pair[0] <= action.position_ms] or starts[:1]
    start, half = begun[-1]
    return action._replace(half=half, position_ms=action.position_ms - start)


Sets = Iterable[tuple[str, Sequence[Action]]]  # actions by video, "" where a file does not name it


class Form(NamedTuple):
    """A form of labels files.

    Attributes:
        name: what people call it, for messages.
        fits: whether a file's JSON is of this form.
        read: JSON, name of the file -> actions by video; InputError where an entry is wrong.
    """

    name: str
    fits: Callable[[Any], bool]
    read: Callable[[Any, str], Sets]
