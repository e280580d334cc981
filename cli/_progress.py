"""Progress bars: on a terminal's stderr only, and never with --quiet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from comedian.progress import Report, silent


@contextmanager
def progress(quiet: bool) -> Iterator[Report]:
    """Yield `report(task, done, total)`, which moves the bar named `task`; total None is unknown.

    Standard output is left alone unless it is the same terminal, where its lines go above the bars.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True, soft_wrap=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def report(task: str, done: float, total: float | None = None) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done, total=total)
            if total is not None and done >= total:
                bars.remove_task(tasks.pop(task))

        yield report
