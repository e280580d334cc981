"""A labelled action, and what a form of labels files is."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

VISIBLE, NOT_SHOWN = "visible", "not shown"


class Action(NamedTuple):
    """One labelled action; `visibility` is SoccerNet's "visible" or "not shown"."""

    half: int
    position_ms: int | float
    label: str
    visibility: str = VISIBLE


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
