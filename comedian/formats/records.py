"""The records of a run's epochs, kept beside its weights: one JSON object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comedian.formats.atomic import atomic_path
from comedian.formats.text import decode, parse_json
from comedian.recipes.ranges import Count
from comedian.recipes.schema import checked, mapping

NEEDED: dict[str, Any] = {"stage": str, "epoch": Count, "loss": float}
REMEDY = "give records as training writes them"


def keep_record(path: Path, record: dict, first: bool) -> None:
    """Put an epoch's record behind those of the epochs before it; the file is whole at any time.

    An epoch that is done again after an interruption replaces what was kept of it.

    Args:
        record: it has `stage` and `epoch`.
        first: the run has no earlier epoch, so that the file is begun anew.
    """
    lines = [] if first else [line for line in _lines(path) if _is_before(line, record)]
    with atomic_path(path) as temporary:
        text = "".join(f"{line}\n" for line in [*lines, json.dumps(record)])
        temporary.write_text(text, encoding="utf-8")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []


def _is_before(line: str, record: dict) -> bool:
    """Whether a line is of an earlier epoch of the stage, or of another stage, which came before."""
    try:
        other = json.loads(line)
        is_earlier = other["epoch"] < record["epoch"]
        return is_earlier or other["stage"] != record["stage"]
    except (ValueError, TypeError, KeyError):
        return False  # not a line of ours


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file in order.

    Raises:
        InputError: a line is none.
    """
    for number, line in enumerate(decode(path.read_bytes(), path, REMEDY).splitlines(), 1):
        place = f"{path}:{number}"
        record = mapping("the line", parse_json(line, path, REMEDY, number), place, REMEDY)
        for key, kind in NEEDED.items():
            checked(key, record.get(key), kind, place, REMEDY)
        yield dict(record)
