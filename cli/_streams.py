"""Standard input, output and error, as the commands can rely on them whatever they were started with."""

import io
import os
import select
import sys


class _Lenient(io.FileIO):
    """A raw file to which nothing needs to be written: a warning's own failure ends no run."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare_streams() -> None:
    """Replace streams that are missing, write UTF-8 with LF, and let standard error fail in silence.

    Of a missing one (None in Python) the next file that is opened would get the number. What stands in
    for output fails when it is written to, as in other programs; input stays None.
    """
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            _stand_in(number)
    if sys.stdin:
        sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")  # type: ignore[union-attr]
    lenient = io.BufferedWriter(_Lenient(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(lenient, "utf-8", "backslashreplace", line_buffering=True)


def stdout_is_gone() -> bool:
    """Whether nobody reads standard output any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


def settle_stdout() -> None:
    """Write out what standard output still holds; where that fails, nothing complains of it again."""
    try:
        sys.stdout.flush()
    except OSError:
        silence_stdout()


def silence_stdout() -> None:
    """Point standard output at nothing, so that no later write or flush complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stand_in(number: int) -> None:
    """Open the null device the wrong way round as this number."""
    descriptor = os.open(os.devnull, os.O_WRONLY if number == 0 else os.O_RDONLY)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
