"""What makes a Python function a well-behaved Unix command."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

from comedian.errors import InputError
from comedian.version import VERSION

from ._io import silence_stdout, warn
from ._torchrun import handle_signals, last_word, lost_another


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
        handle_signals()
        try:
            app(args=None if argv is None else list(argv), prog_name=name)
        except InputError as error:  # of an option's callback
            sys.exit(_fail(name, str(error)))
        except SystemExit as end:
            sys.exit(_flushed(end.code if isinstance(end.code, int) else int(bool(end.code))))

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
        if status := _status(functools.partial(function, **options), name):
            sys.exit(status)

    return with_parameters(run, [*inspect.signature(function).parameters.values(), _version(name)])


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
    try:
        call()
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        silence_stdout()
        return _end(name, 0)
    except KeyboardInterrupt as interrupt:
        return _end(name, 130, _with_notes(interrupt, str(interrupt) or "interrupted"))
    except InputError as error:
        return _fail(name, str(error))
    except OSError as error:
        if error.strerror is None:
            raise
        return _fail(name, f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    except (MemoryError, RuntimeError) as error:
        if type(error).__name__ in ("MemoryError", "OutOfMemoryError"):  # torch's is a RuntimeError
            return _fail(name, "out of memory; try a smaller batch or model, or another machine")
        if lost_another(error):
            return _fail(name, _with_notes(error, "another process was lost"))
        raise


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


def _flushed(status: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    return status
