"""A labelled action, and how the entries of a labels file become actions."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from comedian.errors import InputError

T = TypeVar("T")
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


def read_entries(entries: Sequence[Any], read: Callable[[Any], T], place: str, form: str) -> list[T]:
    """What `read` makes of each entry; InputError with its number where it is wrong."""
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(read(entry))
        except KeyError as error:
            raise InputError(f"has no {error}", f"{place} {number}", f"write it as {form}") from None
        except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
            raise InputError(f"is wrong ({error})", f"{place} {number}", f"write it as {form}") from None
    return found


def text(value: object) -> str:
    """The value itself; TypeError if it is no text."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
