"""What makes a Python function a well-behaved Unix command."""

import errno
import functools
import inspect
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

from comedian.errors import InputError
from comedian.version import VERSION

from ._io import refuse_inputs, warn
from ._signals import INTERRUPTED, Interrupts
from ._streams import settle_stdout, silence_stdout, stdout_is_gone
from ._torchrun import last_word, lost_another

OUTPUTS = ("output", "scores")  # parameters that name what a command writes
FITS = {  # what takes less memory, by command; training takes a smaller batch
    "extract-frames": "lower --workers or --size",
    "build-bank": "set --neighbours, lower --dim, or give fewer games",
    "spot": "spot fewer videos at once, or with fewer models",
    "nms": "give the halves apart",
    "evaluate": "score fewer games at once",
}
NO_MEMORY = re.compile(
    r"^OutOfMemoryError|DefaultCPUAllocator|bad_alloc|out of memory|(unable to|can'?t|cannot) allocate",
    re.IGNORECASE,
)


def command(
    function: Callable, example: str, name: str | None = None
) -> Callable[[Sequence[str] | None], None]:
    """Return `main(argv=None)`, which runs `function` as the command named after it and exits.

    Exit status: 0 done, 1 the data or the run failed (one line on stderr), 2 wrong command
    line, 130 Ctrl-C. A closed output pipe ends quietly with 0. `COMEDIAN_TRACEBACK=1` shows
    tracebacks. Of several processes that torchrun started the first to end early speaks for all.

    Args:
        function: a Typer callback; its docstring is the help.
        example: a pipe or command line that shows the command at work, printed under `--help`.
    """
    name = name or function.__name__.replace("_", "-")
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(name, epilog=f"Example: {example}")(_guarded(function, name))

    def main(argv: Sequence[str] | None = None) -> None:
        try:
            app(args=None if argv is None else list(argv), prog_name=name)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
            sys.exit(_status(sys.stdout.flush, name) or status)
        except (InputError, OSError) as error:  # of an option's callback, of --help
            sys.exit(_failed(error, name))

    return main


def with_parameters(function: Callable, parameters: Iterable[inspect.Parameter]) -> Callable:
    """Let a function say that it takes these parameters, by name; Typer believes it."""
    given = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in parameters]
    shown: Any = function
    shown.__signature__ = inspect.Signature(given)
    shown.__annotations__ = {item.name: item.annotation for item in given}
    shown.__dict__.pop("__wrapped__", None)
    return function


def _guarded(function: Callable, name: str) -> Callable:
    """The function, ending in an exit status; inside Typer, which has its own way with some errors."""

    @functools.wraps(function)
    def run(version: bool = False, **options: Any) -> None:
        if status := _status(functools.partial(_call, function, **options), name):
            sys.exit(status)

    return with_parameters(run, [*inspect.signature(function).parameters.values(), _version(name)])


def _call(function: Callable, /, **options: Any) -> None:
    """Call a command's function, if its options can be meant."""
    for key, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise typer.BadParameter(
                f"{value} is no finite number", param_hint=f"--{key.replace('_', '-')}"
            )
    _refuse_same(options)
    function(**options)


def _refuse_same(options: dict[str, Any]) -> None:
    """Raise InputError if one of the files that are written is also one of those that are read."""
    outputs = [value for key, value in options.items() if key in OUTPUTS and value]
    named = [value for key, value in options.items() if key not in OUTPUTS]
    inputs = [item for value in named for item in (value if isinstance(value, list) else [value])]
    refuse_inputs(outputs, [item for item in inputs if isinstance(item, str | os.PathLike)])


def _version(name: str) -> inspect.Parameter:
    """The option --version of a command."""

    def show(wanted: bool) -> None:
        if wanted:
            print(name, VERSION)
            raise typer.Exit

    option = typer.Option("--version", is_eager=True, callback=show, help="Show the version and exit.")
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter("version", keyword, default=False, annotation=Annotated[bool, option])


def _status(call: Callable[[], None], name: str) -> int:
    interrupts = Interrupts()
    try:
        with interrupts:
            call()
            sys.stdout.flush()
        return 0
    except KeyboardInterrupt as interrupt:
        return _end(name, INTERRUPTED, _with_notes(interrupt, str(interrupt) or "interrupted"))
    except Exception as error:
        if interrupts.came:  # a library took it for an error of its own
            return _end(name, INTERRUPTED, "interrupted")
        return _failed(error, name)


def _failed(error: Exception, name: str) -> int:
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
    if lost_another(error):
        return _with_notes(error, "another process was lost")
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
