"""What the commands take: options, whether a value follows, and which can; taken from the commands."""

import enum
import inspect
import re
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from comedian.recipes.resolve import presets

from ._app import apps
from ._umbrella import COMMANDS, WITHIN

VALUE = re.compile(r"[a-z][a-z0-9.-]*")  # of a metavar's alternatives: `auto|cpu`, not FILE


class Option(NamedTuple):
    """An option: its names, what it is for, whether a value follows, which can, and whether a file can."""

    names: tuple[str, ...]
    about: str
    takes_value: bool = False
    values: tuple[str, ...] = ()
    takes_file: bool = True


def options() -> dict[str, list[Option]]:
    """The options of every command, by its name; each command's module is imported."""
    return {name: list(_options_of(name)) for name in COMMANDS | WITHIN}


def _options_of(name: str) -> Iterator[Option]:
    from typer.main import get_command

    main = import_module(f".{name.replace('-', '_')}", __package__).main
    app = apps[main]
    callback = app.registered_commands[0].callback
    assert callback is not None
    annotations = inspect.signature(callback).parameters
    for item in get_command(app).params:
        if item.param_type_name == "option":
            choices = _choices(annotations[str(item.name)].annotation)
            told = {"takes_value": not getattr(item, "is_flag", False), "takes_file": not choices}
            values = choices or tuple(_alternatives(item.metavar or ""))
            yield Option(tuple(item.opts), getattr(item, "help", "") or "", values=values, **told)
    yield Option(("--help", "-h"), "Show this message and exit.")


def _choices(annotation: Any) -> tuple[str, ...]:
    """The values of a choice."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return tuple(str(member.value) for member in annotation)
    return next(filter(None, map(_choices, typing.get_args(annotation))), ())


def _alternatives(metavar: str) -> Iterator[str]:
    """The values that a metavar names: itself, or by PRESET those of the recipes."""
    for word in metavar.split("|"):
        if word == "PRESET":
            yield from presets()
        elif VALUE.fullmatch(word):
            yield word
