"""How long work tells how far it is."""

from collections.abc import Callable
from typing import Protocol

Report = Callable[[str, float, float | None], None]  # task, done, total


class NotedReport(Protocol):
    """A report that also says how the task goes, in a few words, in place of a guess of the time left."""

    def __call__(self, task: str, done: float, total: float | None, note: str = "") -> None: ...


def silent(task: str, done: float, total: float | None, note: str = "") -> None:
    """Tell nobody."""
