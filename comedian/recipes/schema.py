"""Check values that come from outside against what a dataclass declares: recipes, headers, attributes.

A field's type says what it takes, and its range (`comedian.recipes.ranges`). The check itself is msgspec's.
"""

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from comedian.errors import InputError, cut_short

Table = TypeVar("Table")


def checked(key: str, value: Any, wanted: Any, source: Any, remedy: str | None = None) -> Any:
    """A value as the type that is wanted: whole numbers may stand for floats, lists for tuples.

    Raises:
        InputError: it is of another type or outside its range; source, key, value and range are named.
    """
    try:
        return msgspec.convert(value, wanted)
    except UnicodeError:  # half a character
        raise InputError(f"{key} must be text, not {shown(value)}", source, remedy) from None
    except msgspec.ValidationError as error:
        expected = str(error).removeprefix("Expected ").split(", got")[0].split(" - at")[0].replace("`", "")
        if expected.startswith("Invalid enum value"):
            expected = f"one of {', '.join(map(repr, typing.get_args(wanted)))}"
        raise InputError(f"{key} must be {expected}, not {shown(value)}", source, remedy) from None


def table(
    values: Mapping[str, Any],
    kind: type[Table],
    source: Any,
    remedy: str | None = None,
    base: Table | None = None,
) -> Table:
    """A dataclass from its fields' values; fields of dataclasses are tables, too. Others are passed over.

    Args:
        base: what gives the values that are missing; else their defaults.

    Raises:
        InputError: a value is of another type or outside its range, or one that has no default is missing.
    """
    found, types = {}, types_of(kind)
    for item in dataclasses.fields(typing.cast(Any, kind)):
        name, wanted = item.name, types[item.name]
        if name not in values:
            if base is not None:
                found[name] = getattr(base, name)
            elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                raise InputError(f"is damaged: it has no {name!r}", source, remedy)
        elif not dataclasses.is_dataclass(wanted):
            found[name] = checked(name, values[name], wanted, source, remedy)
        else:
            inner = mapping(name, values[name], source, remedy)
            kept = getattr(base, name, None)
            found[name] = table(inner, typing.cast(type, wanted), source, remedy, kept)
    return made(lambda: kind(**found), source, remedy)


def mapping(name: str, value: Any, source: Any, remedy: str | None = None) -> Mapping[str, Any]:
    """A value that must be a table; raises as `table`."""
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a table, not {shown(value)}", source, remedy)
    return value


def made(make: Callable[[], Table], source: Any, remedy: str | None = None) -> Table:
    """What `make` makes; InputError with the source where its values don't go together."""
    try:
        return make()
    except InputError as error:
        raise InputError(error.what, source, error.remedy or remedy) from None


def check(instance: Table, source: Any = None) -> Table:
    """A dataclass itself if all its values are possible; raises as `table`."""
    for name, wanted in types_of(type(instance)).items():
        value = getattr(instance, name)
        if dataclasses.is_dataclass(value):
            check(value, source)
        else:
            checked(name, value, wanted, source)
    return instance


def types_of(kind: type) -> dict[str, Any]:
    """The type of each field of a dataclass, with its range."""
    return typing.get_type_hints(kind, include_extras=True)


def shown(value: Any) -> str:
    """A value for an error, shortened."""
    return cut_short(repr(value))
