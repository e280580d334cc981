"""Entries of JSON lists, and what stands in them: an error names the entry, the key and the value."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from comedian.errors import InputError, cut_short
from comedian.formats.actions import VISIBLE

T = TypeVar("T")
LARGEST = 2**53  # beyond, whole numbers are no floats


def read_entries(entries: Any, read: Callable[[Any], T], place: str, form: str) -> list[T]:
    """What `read` makes of each entry of a list; InputError with its number where it is wrong."""
    if not isinstance(entries, list):
        raise InputError(f"{shown(entries)} is no list", f"{place}s", f"write them as {form}")
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            if not isinstance(entry, dict):
                raise ValueError(f"is {shown(entry)}, no object")
            found.append(read(entry))
        except KeyError as error:
            raise InputError(f"has no {error}", f"{place} {number}", f"write it as {form}") from None
        except ValueError as error:
            raise InputError(str(error), f"{place} {number}", f"write it as {form}") from None
    return found


def text_in(entry: dict, key: str) -> str:
    """A text; ValueError if it is none, KeyError if it is not there."""
    if not isinstance(value := entry[key], str):
        raise ValueError(f"{key!r} is {shown(value)}, no text")
    return value


def name_in(entry: dict, key: str) -> str:
    """The name of a video; ValueError if it is no text or names nothing, KeyError if it is not there."""
    if not text_in(entry, key).strip("/\\"):
        raise ValueError(f"{key!r} is {shown(entry[key])}, no name")
    return entry[key]


def number_in(entry: dict, key: str) -> int | float:
    """A number, also where it is written as text; ValueError if it is none, KeyError if it is not there."""
    value = entry[key]
    try:
        number = value if type(value) in (int, float) else _of_text(value)
    except ValueError:
        raise ValueError(f"{key!r} is {shown(value)}, no number") from None
    if not -LARGEST < number < LARGEST:
        raise ValueError(f"{key!r} is {shown(value)}, which cannot be")
    return number


def whole_in(entry: dict, key: str) -> int:
    """A number without what stands behind its point; as `number_in`."""
    return int(number_in(entry, key))


def half_in(entry: dict) -> int:
    """The number of a half; ValueError if it is below 0; as `whole_in`."""
    if (half := whole_in(entry, "half")) < 0:
        raise ValueError(f"'half' is {shown(entry['half'])}, which cannot be")
    return half


def confidence_in(entry: dict) -> float:
    """A number of any kind, also NaN and infinity, and where it is written as text; as `number_in`."""
    value = entry["confidence"]
    try:
        return float(value if type(value) in (int, float) else _of_text(value))
    except (ValueError, OverflowError):
        raise ValueError(f"'confidence' is {shown(value)}, no number") from None


def visibility_in(entry: dict) -> str:
    """What an action says of its visibility; visible where it says nothing."""
    return VISIBLE if entry.get("visibility") is None else text_in(entry, "visibility")


def is_there(entry: dict, key: str) -> bool:
    """Whether a key holds something; null and an empty text are nothing."""
    return entry.get(key) not in (None, "")


def shown(value: object) -> str:
    """A value for a message, as JSON, cut short."""
    return cut_short(json.dumps(value, ensure_ascii=False))


def _of_text(value: object) -> int | float:
    if not isinstance(value, str):
        raise ValueError
    try:
        return int(value)
    except ValueError:
        return float(value)
