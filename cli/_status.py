"""How a run ends: its exit status, and one line that says why."""

import errno
import os
import re
import sys
from collections.abc import Callable

from comedian.errors import InputError

from ._say import warn
from ._signals import INTERRUPTED, Interrupts
from ._streams import settle_stdout, silence_stdout, stdout_is_gone
from ._torchrun import last_word, lost_another

FITS = {  # what takes less memory, by command; training takes a smaller batch
    "extract-frames": "lower --workers or --size",
    "build-bank": "set --neighbours, lower --dim, or give fewer games",
    "spot": "spot fewer videos at once, or with fewer models",
    "nms": "give the halves apart",
    "evaluate": "score fewer games at once",
    "tune-nms": "give scores of fewer games",
    "check-data": "check fewer files at once",
    "comedian check-recipe": "end other programs",
    "comedian info": "end other programs",
    "comedian diff": "end other programs",
    "convert-spots": "convert fewer spots at once",
    "draw-timeline": "draw fewer matches at once",
    "export-model": "export a smaller spotter",
    "cut-clips": "cut fewer clips at once",
}
NO_MEMORY = re.compile(
    r"^OutOfMemoryError|DefaultCPUAllocator|bad_alloc|out of memory|(unable to|can'?t|cannot) allocate",
    re.IGNORECASE,
)


def status_of(call: Callable[[], None], name: str) -> int:
    """Run it; return the exit status, having said why where it is not 0. Bugs are raised."""
    interrupts = Interrupts()
    try:
        with interrupts:
            call()
            sys.stdout.flush()
        return 0
    except KeyboardInterrupt as interrupt:
        return _end(name, INTERRUPTED, _with_notes(interrupt, str(interrupt) or "interrupted"))
    except Exception as error:
        if interrupts.came and not lost_another(error):  # a library took it for an error of its own
            return _end(name, INTERRUPTED, "interrupted")
        return status_of_error(error, name)


def status_of_error(error: Exception, name: str) -> int:
    """Say what an error means, in one line; return the exit status, or raise it again if it is a bug."""
    if isinstance(error, BrokenPipeError) and stdout_is_gone():
        silence_stdout()
        return _end(name, 0)
    settle_stdout()
    if message := _in_words(error, name):
        return _fail(name, message)
    raise error


def _in_words(error: Exception, name: str) -> str:
    """What an error that is no bug means to a user of a command, else ""."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError) or NO_MEMORY.search(f"{type(error).__name__} {error}"):
        return f"out of memory; {FITS.get(name, 'lower --batch-size, or take a smaller --recipe')}"
    if isinstance(error, OSError):
        remedy = "; raise the limit (ulimit -n)" if error.errno == errno.EMFILE else ""
        reason = error.strerror or " ".join(str(error).split())
        return f"{error.filename}: {reason}{remedy}" if error.filename else f"{reason}{remedy}"
    if lost := lost_another(error):
        return _with_notes(error, lost)
    return ""


def _with_notes(error: BaseException, message: str) -> str:
    """The message, and what was noted on the error where more was known."""
    return "; ".join([message, *getattr(error, "__notes__", [])])


def _fail(name: str, message: str) -> int:
    if os.environ.get("COMEDIAN_TRACEBACK"):
        import traceback

        traceback.print_exc()
    return _end(name, 1, message)


def _end(name: str, status: int, message: str = "") -> int:
    speaks, status = last_word(status)
    if speaks and message:
        warn(name, message)
    return status
