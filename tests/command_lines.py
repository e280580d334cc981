"""Command lines that a page or a makefile would run: stand-ins write them down, the commands parse them."""

import shlex
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from comedian.recipes.resolve import resolve
from comedian.recipes.stages import STAGES

OF_PAPER = (  # that the paper takes, from videos to a score
    *("extract-frames", "build-bank", "pretrain-spatial", "distill", "finetune", "spot", "nms", "evaluate"),
)
NOTE = """#!/bin/bash
printf -v words ' %q' "$@"
printf '%s%s\\n' "${0##*/}" "$words" >> "$NOTES"
"""


def put_stand_ins(folder: Path, names: Iterable[str]) -> None:
    """Programs that write their words to the file $NOTES and do nothing else."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text(NOTE)
        (folder / name).chmod(0o755)


def noted(notes: Path) -> list[list[str]]:
    """What the stand-ins wrote down: lines in words, in order."""
    return [shlex.split(line) for line in notes.read_text().splitlines()]


@pytest.fixture
def options(monkeypatch):
    """options(words): what a command understands of its line; SystemExit(2) if it does not."""
    understood: list[dict] = []

    def note(call, name: str) -> int:
        if isinstance(call, partial):  # not the last flush
            understood.append(call.keywords)
        return 0

    monkeypatch.setattr("cli._app.status_of", note)

    def of(words: list[str]) -> dict:
        with pytest.raises(SystemExit) as ended:
            import_module(f"cli.{words[0].replace('-', '_')}").main(words[1:])
        if ended.value.code:
            raise ended.value
        return understood[-1]

    return of


def check(words: list[str], options) -> None:
    """The line parses; and if it trains, its recipe resolves to a network that can be built."""
    values = options(words)
    if words[0] in STAGES:
        recipe = resolve(words[0], values["recipe"] or "vivit-tiny", values["settings"] or ())
        recipe.model.validate()
