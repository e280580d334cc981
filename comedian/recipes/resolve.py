"""Resolve a recipe: defaults < TOML preset < `key=value` settings < flags; and print it as TOML."""

import dataclasses
import difflib
import tomllib
import typing
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.recipes.schema import checked, made, mapping, shown, types_of
from comedian.recipes.stages import STAGES

NONE = "none"  # in a recipe, as TOML has no such value


def presets() -> list[str]:
    """Names of the recipes that ship with COMEDIAN."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files("comedian.recipes").iterdir()
        if entry.name.endswith(".toml")
    )


def resolve(stage: str, recipe: str, settings: Iterable[str] = (), flags: Mapping[str, Any] | None = None):
    """Return the resolved recipe dataclass of a stage.

    Args:
        stage: a key of `STAGES`.
        recipe: a preset's name or the path of a TOML file with the tables `[model]` and
            `[pretrain-spatial]`, `[distill]`, `[finetune]`.
        settings: `key=value` with dotted keys, such as `optim.epochs=3`; values are TOML, or "none".
        flags: dotted key -> value from named flags; None values are left out.

    Raises:
        InputError: unknown preset, key or stage table, or a value of the wrong type.
    """
    document, source = _read(recipe)
    unknown = set(document) - {"model", *STAGES}
    if unknown:
        unknown_key(min(unknown), {"model", *STAGES}, source)
    for name, table in document.items():
        mapping(name, table, source, f"begin it with [{name}]")
    resolved = STAGES[stage]()
    resolved = merge(resolved, {"model": document.get("model", {})}, source)
    resolved = merge(resolved, document.get(stage, {}), source)
    for setting in settings:
        resolved = merge(resolved, _nested(*_parsed(setting)), "--set")
    for key, value in (flags or {}).items():
        if value is not None:
            resolved = merge(resolved, _nested(key, value), f"--{key}")
    return resolved


def merge(instance, changes: Mapping[str, Any], source: str):
    """Return a dataclass instance with `changes` (nested mappings) applied and type-checked."""
    wanted = types_of(type(instance))
    updates = {}
    for key, value in changes.items():
        if key not in wanted:
            unknown_key(key, wanted, source)
        current = getattr(instance, key)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, Mapping):
                raise InputError(f"{key} is a table, not {shown(value)}", source, f"set {key}.something")
            updates[key] = merge(current, value, source)
        else:
            value = None if value == NONE and type(None) in typing.get_args(wanted[key]) else value
            updates[key] = checked(key, value, wanted[key], source)
    return made(lambda: dataclasses.replace(instance, **updates), source)


def to_toml(stage: str, recipe) -> str:
    """A stage's recipe as TOML text that `resolve` reads back."""
    values = {item.name: getattr(recipe, item.name) for item in dataclasses.fields(recipe)}
    return _table("model", vars(values.pop("model"))) + "\n" + _table(stage, values)


def _read(recipe: str) -> tuple[dict, str]:
    shipped = files("comedian.recipes") / f"{recipe}.toml"
    path = shipped if shipped.is_file() else Path(recipe)
    if not path.is_file():
        raise InputError("no such recipe", recipe, f"use {', '.join(presets())} or a TOML file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), recipe
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"is not TOML: {error}", recipe, "see --show-recipe for its form") from None


def _parsed(setting: str) -> tuple[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals:
        raise InputError(f"{setting!r} is not key=value", "--set", "write e.g. --set optim.epochs=3")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return key.strip(), text.strip()


def _nested(key: str, value: Any) -> dict:
    head, dot, rest = key.partition(".")
    return {head: _nested(rest, value)} if dot else {head: value}


def unknown_key(key: str, known: Iterable[str], source: str) -> typing.NoReturn:
    """Raise InputError that names what a key was probably meant to be, or all that are known."""
    near = difflib.get_close_matches(key, known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(known))}"
    raise InputError(f"unknown key {key!r}", source, remedy)


def _table(name: str, values: Mapping[str, Any]) -> str:
    """One TOML table: its plain keys, then its own tables."""
    plain = {key: value for key, value in values.items() if not dataclasses.is_dataclass(value)}
    lines = [f"[{name}]\n", *(f"{key} = {_toml_value(value)}\n" for key, value in plain.items())]
    inner = [_table(f"{name}.{key}", vars(value)) for key, value in values.items() if key not in plain]
    return "\n".join(["".join(lines), *inner])


def _toml_value(value: Any) -> str:
    if value is None:
        value = NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return repr(value)
