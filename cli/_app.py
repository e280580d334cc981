"""What makes a Python function a well-behaved Unix command."""

import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Annotated, Any

import typer

from comedian.errors import InputError
from comedian.version import VERSION

from ._outputs import refuse_same
from ._status import status_of, status_of_error

apps: dict[Callable, typer.Typer] = {}  # of the commands whose modules were imported, by their `main`


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
            sys.exit(status_of(sys.stdout.flush, name) or status)
        except (InputError, OSError) as error:  # of an option's callback, of --help
            sys.exit(status_of_error(error, name))

    apps[main] = app
    return main


def with_parameters(function: Callable, parameters: Iterable[inspect.Parameter]) -> Callable:
    """Let a function say that it takes these parameters, by name; Typer believes it."""
    given = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in parameters]
    shown: Any = function
    shown.__signature__ = inspect.Signature(given)
    shown.__annotations__ = {item.name: item.annotation for item in given}
    shown.__dict__.pop("__wrapped__", None)
    return function


def parameters_of(kind: type) -> list[inspect.Parameter]:
    """The options that the fields of a dataclass are."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(item.name, keyword, default=item.default, annotation=item.type)
        for item in fields(kind)
    ]


def gathered(
    function: Callable, name: str, kind: type, parameters: Iterable[inspect.Parameter]
) -> Callable:
    """A function that takes these parameters, and gets those of a dataclass's fields as one, by a name."""

    @functools.wraps(function)
    def run(**values: Any) -> None:
        together = kind(**{item.name: values.pop(item.name) for item in fields(kind)})
        function(**{name: together}, **values)

    return with_parameters(run, parameters)


def _guarded(function: Callable, name: str) -> Callable:
    """The function, ending in an exit status; inside Typer, which has its own way with some errors."""

    @functools.wraps(function)
    def run(version: bool = False, **options: Any) -> None:
        if status := status_of(functools.partial(_call, function, **options), name):
            sys.exit(status)

    return with_parameters(run, [*inspect.signature(function).parameters.values(), _version(name)])


def _call(function: Callable, /, **options: Any) -> None:
    """Call a command's function, if its options can be meant."""
    for key, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise typer.BadParameter(
                f"{value} is no finite number", param_hint=f"--{key.replace('_', '-')}"
            )
    refuse_same(options)
    function(**options)


def _version(name: str) -> inspect.Parameter:
    """The option --version of a command."""

    def show(wanted: bool) -> None:
        if wanted:
            print(name, VERSION)
            raise typer.Exit

    option = typer.Option("--version", is_eager=True, callback=show, help="Show the version and exit.")
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter("version", keyword, default=False, annotation=Annotated[bool, option])
