"""How two files of one kind differ: in what they say of themselves, and in what they hold."""

from collections.abc import Iterator, Mapping
from filecmp import cmp
from importlib import import_module
from pathlib import Path
from typing import Any

from comedian.about.difference import Difference
from comedian.about.info import info
from comedian.errors import InputError

CONTENTS = {  # kind -> module of comedian.about that compares what files hold, imported where needed
    **dict.fromkeys(("frames", "bank", "scores", "features"), "compare"),
    "weights": "compare_weights",
    **dict.fromkeys(("spots", "results", "labels"), "compare_spots"),
}
OF_THE_FILE = ("file", "bytes", "made_from", "read_with")  # values that are not compared as they are
COUNTED = frozenset(("spots", "results", "labels"))  # whose totals follow from what is only in one


def differences(one: str | Path, other: str | Path) -> Iterator[Difference]:
    """Yield what differs, nothing where two files mean the same; byte for byte equal files are not read.

    Raises:
        InputError: one is not there or damaged, or they are of two kinds.
    """
    one, other = Path(one), Path(other)
    found = info(one), info(other)
    kinds = [told["kind"] for told in found]
    if kinds[0] != kinds[1]:
        raise InputError(f"is {kinds[1]}, {one} is {kinds[0]}", other, "name two files of one kind")
    if cmp(one, other, shallow=False):
        return
    told = False
    for difference in _all(one, other, *found):
        told = True
        yield difference
    if not told and kinds[0] not in CONTENTS:
        yield Difference("content", value="differs, though nothing that is told of it does")


def _all(
    one: Path, other: Path, told: Mapping[str, Any], other_told: Mapping[str, Any]
) -> Iterator[Difference]:
    kind = told["kind"]
    if kind not in COUNTED:
        yield from _values(_flat(told), _flat(other_told))
        yield from _parents(told, other_told)
    if kind in CONTENTS:
        module = import_module(f"comedian.about.{CONTENTS[kind]}")
        yield from getattr(module, kind)(one, other)


def _values(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    """Values by name that are not equal, or stand on one side only."""
    for name in dict.fromkeys([*one, *other]):
        left, right = one.get(name), other.get(name)
        if left != right:
            yield Difference(name, left, right)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names and plain values."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if name in OF_THE_FILE:
            continue
        if isinstance(value, dict):
            found |= _flat(value, f"{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, item in enumerate(value):
                found |= _flat(item, f"{name}.{number}.")
        else:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _parents(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    """Files that only one was made from, by their hashes."""
    sides = [
        {item.get("sha256"): item.get("name") for item in told.get("made_from", ())}
        for told in (one, other)
    ]
    left = sorted(str(name) for key, name in sides[0].items() if key not in sides[1])
    right = sorted(str(name) for key, name in sides[1].items() if key not in sides[0])
    if left or right:
        yield Difference("made_from", left, right)
