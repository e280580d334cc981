"""Progress: on a terminal's stderr only, and never with --quiet."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from comedian.progress import NotedReport, silent


@contextmanager
def loading(command: str, quiet: bool) -> Iterator[None]:
    """Say that a command loads, on a terminal, while a block imports what takes seconds.

    What is imported stays: looking for garbage within, and in it later, would take an eighth of the time.
    """
    gc.disable()
    try:
        with _said(command, quiet):
            yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _said(command: str, quiet: bool) -> Iterator[None]:
    if quiet or not sys.stderr.isatty():
        yield
        return
    said = f"{command}: loading"
    print(said, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"\r{' ' * len(said)}\r", end="", file=sys.stderr, flush=True)


@contextmanager
def progress(quiet: bool) -> Iterator[NotedReport]:
    """Yield `report(task, done, total, note)`, which moves the bar named `task`; total None is unknown.

    Behind the bar stands the note, or where there is none the time left.

    Standard output is left alone unless it is the same terminal, where its lines go above the bars.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    class NoteColumn(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            return Text(note) if (note := task.fields["note"]) else super().render(task)

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
    with Progress(
        *columns,
        NoteColumn(table_column=Column(no_wrap=True)),
        console=Console(stderr=True, soft_wrap=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def report(task: str, done: float, total: float | None = None, note: str = "") -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total, note=note)
            bars.update(tasks[task], completed=done, total=total, note=note)
            if total is not None and done >= total:
                bars.remove_task(tasks.pop(task))

        yield report
