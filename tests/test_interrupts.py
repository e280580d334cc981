"""An interrupt that Python would swallow comes again."""

import os
import signal
import sys
import time

import pytest

from cli._status import status_of
from comedian.interrupts import bring_back_swallowed


class Interrupted:
    """Its destructor is interrupted."""

    def __del__(self):
        raise KeyboardInterrupt("once")


class Broken:
    """Its destructor has a bug."""

    def __del__(self):
        raise ValueError("a bug")


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda item: told.append(item.exc_value))
    before = signal.getsignal(signal.SIGALRM)
    bring_back_swallowed()
    yield told
    signal.signal(signal.SIGALRM, before)


def wait_a_while(item) -> None:
    del item
    time.sleep(5)


def test_an_interrupt_in_a_destructor_comes_again(hook):
    with pytest.raises(KeyboardInterrupt, match="once"):
        wait_a_while(Interrupted())
    assert hook == []


def test_other_errors_are_told_as_ever(hook):
    Broken()
    assert [str(error) for error in hook] == ["a bug"]


def test_an_error_that_a_library_makes_of_an_interrupt_is_the_interrupt(capsys):
    def call():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise ValueError("the file is cut short") from None

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    assert status_of(call, "spot") == 130
    os.kill(os.getpid(), signal.SIGINT)  # it says nothing more
    for number, handler in before.items():
        signal.signal(number, handler)
    assert capsys.readouterr().err == "spot: interrupted\n"
