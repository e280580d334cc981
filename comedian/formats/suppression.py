"""The settings of suppression (TOML), which `tune-nms` or people write and `nms --settings` reads.

    [default]
    kind = "soft"
    window_seconds = 10.0
    threshold = 0.001

    [classes."Ball out of play"]
    kind = "hard"
    window_seconds = 3.0

What a class leaves out is as in `[default]`; the window of another kind is that kind's usual one.
"""

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats.text import decode
from comedian.recipes.resolve import merge, unknown_key
from comedian.recipes.schema import mapping
from comedian.recipes.suppression import Settings, Way

REMEDY = "write it as tune-nms does"
TABLES = ("default", "classes")


def read_settings(path: str | Path) -> Settings:
    """The settings of a file.

    Raises:
        InputError: it is no TOML, has a key that nobody knows, or a value out of its range.
    """
    path = Path(path)
    if path.is_dir() or not path.exists():
        raise InputError(
            "is a folder" if path.is_dir() else "no such file", path, "make one with tune-nms -o"
        )
    try:
        document = tomllib.loads(decode(path.read_bytes(), path, REMEDY))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"is not TOML: {error}", path, REMEDY) from None
    for key in document:
        if key not in TABLES:
            unknown_key(key, TABLES, str(path))
    default = _way(Way(), document.get("default", {}), "default", path)
    classes = mapping("classes", document.get("classes", {}), path, REMEDY)
    return Settings(
        default, {label: _way(default, values, label, path) for label, values in classes.items()}
    )


def settings_text(settings: Settings, about: Iterable[str], notes: Mapping[str, str]) -> str:
    """Settings as text that `read_settings` reads back.

    Args:
        about: lines at its head.
        notes: a line for a label.
    """
    blocks = ["".join(f"# {line}\n" for line in about), _block("default", settings.default)]
    for label, way in settings.classes.items():
        note = f"# {notes[label]}\n" if label in notes else ""
        blocks.append(note + _block(f"classes.{_quoted(label)}", way))
    return "\n".join(filter(None, blocks))


def _way(base: Way, values: Any, name: str, path: Path) -> Way:
    values = mapping(name, values, path, REMEDY)
    if values.get("kind", base.kind) != base.kind:
        base = dataclasses.replace(base, window_seconds=None)
    return merge(base, values, f"{path}: {name}")


def _block(name: str, way: Way) -> str:
    return (
        f'[{name}]\nkind = "{way.kind}"\nwindow_seconds = {way.width_seconds!r}\n'
        f"threshold = {way.threshold!r}\n"
    )


def _quoted(text: str) -> str:
    """A text as a basic string of TOML, whose escapes are those of JSON, and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
