"""Where the process of a command begins: signals and streams first, then the command is imported.

`from comedian.cli._start import nms` gives a function that does that for `nms`, and so for each command.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from ._signals import end_at_once
from ._streams import prepare_streams


def start(name: str) -> None:
    """Run the command of a name, as its Python function is called, with this process's command line."""
    _name_files_in_utf8()
    _let_threads_sleep()
    end_at_once()
    prepare_streams()
    module = "_umbrella" if name == "comedian" else name
    import_module(f".{module}", __package__).main()


def _name_files_in_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale has file names and arguments read otherwise."""
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _let_threads_sleep() -> None:
    """Let OpenMP's threads sleep while they wait for each other, unless the user says otherwise.

    By default they spin, which on cores that others use, too, takes the turn of the very thread they wait
    for. Source: libgomp's manual, OMP_WAIT_POLICY. It is read once, when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Callable[[], None]:
    if name.startswith("__"):
        raise AttributeError(name)
    return partial(start, name)
