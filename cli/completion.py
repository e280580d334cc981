"""comedian completion: a script by which a shell completes the commands."""

from enum import StrEnum
from typing import Annotated

import typer

from ._app import command


class Shell(StrEnum):
    """Whose script."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


SHELL = typer.Argument(help="Which shell.")


def completion(shell: Annotated[Shell, SHELL]) -> None:
    """Print a script that completes commands, options, their values and file names.

    For good: in ~/.bashrc or ~/.zshrc the line `eval "$(comedian completion bash)"` (or zsh), for fish
    `comedian completion fish > ~/.config/fish/conf.d/comedian.fish`.
    """
    from ._completion import SHELLS
    from ._offered import options

    print(SHELLS[shell.value](options()), end="")


main = command(completion, example='eval "$(comedian completion bash)"', name="comedian completion")
