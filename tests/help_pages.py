"""The commands' own --help in their pages: `python -m tests.help_pages` writes it, a test compares it."""

import contextlib
import importlib
import io
import re
from pathlib import Path

from cli._umbrella import COMMANDS, WITHIN

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"(?<=^```text\n)Usage: .*?(?=^```$)", re.DOTALL | re.MULTILINE)


def help_of(name: str) -> str:
    """What a command prints for --help, without the types that some versions of Typer add."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(f"cli.{name.replace('-', '_')}").main(["--help"])
    return text.getvalue()


def told_by(page: str) -> str:
    """The help that a page tells, or ""."""
    found = BLOCK.search(page)
    return found[0] if found else ""


def without_layout(text: str) -> list[str]:
    """The words of a help text, which versions of Typer lay out in their own ways."""
    return re.sub(r"<[^>|]*>", "", text).split()


def main() -> None:
    """Put every command's help into its page."""
    for name in COMMANDS | WITHIN:
        page = DOCS / f"{name}.md"
        text = help_of(name)
        page.write_text(BLOCK.sub(lambda match, text=text: text, page.read_text()))


if __name__ == "__main__":
    main()
