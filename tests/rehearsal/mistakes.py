"""Code broken on purpose, one place at a time."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def broken(function: Callable, right: str, wrong: str) -> Iterator[None]:
    """A function whose source reads otherwise, for everyone who holds it."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(right) >= 1, f"{function.__qualname__} no longer reads {right!r}"
    source = source[source.index("def ") :].replace(right, wrong, 1)
    made: dict = {}
    whole = f"def make(__class__):\n{textwrap.indent(source, '    ')}\n    return {function.__name__}"
    exec(compile(whole, inspect.getsourcefile(function) or "", "exec"), function.__globals__, made)
    kept, function.__code__ = function.__code__, made["make"](None).__code__
    try:
        yield
    finally:
        function.__code__ = kept
