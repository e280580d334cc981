"""The command lines, and an undisturbed run of each, once a session."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from subprocess import TimeoutExpired

import pytest

from tests.faults._commands import Line, command_lines
from tests.faults._runs import Whole, begin


@pytest.fixture(scope="session")
def lines(tiny, tmp_path_factory) -> dict[str, Line]:
    """Every command that writes, by name."""
    return command_lines(tiny, tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def whole(lines, tmp_path_factory) -> Callable[[str], Whole]:
    """What an undisturbed run leaves, by the line's name."""

    @cache
    def run(name: str) -> Whole:
        folder, started = tmp_path_factory.mktemp("whole"), time.monotonic()
        assert begin(name, lines[name], folder).wait() == 0
        return Whole(folder, time.monotonic() - started)

    return run


@pytest.fixture
def fault(record_property) -> Iterator[Callable[[], AbstractContextManager]]:
    """`with fault():` is one; it is counted, and what fails in it is told when all have been tried."""
    failed = []

    @contextmanager
    def one():
        record_property("injected", 1)
        try:
            yield
        except (AssertionError, TimeoutExpired) as error:
            failed.append(str(error))
        else:
            record_property("survived", 1)

    yield one
    assert not failed, "\n".join(failed)
