"""Text and JSON that people hand in: UTF-8 whatever the locale, and in words what else it is."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

from comedian.errors import InputError

UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
CONTROLS = frozenset(range(9))  # bytes that no text has in any encoding
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a pair, unless the other half is beside it


def read_lines(path: str | Path, remedy: str) -> list[str]:
    """The lines of a text file, with any line ends; InputError as `decode`."""
    return list(map(str.strip, StringIO(decode(Path(path).read_bytes(), path, remedy), None)))


def decode(data: bytes, place: str | Path, remedy: str) -> str:
    """UTF-8 text; a byte-order mark is read over.

    Raises:
        InputError: it is UTF-16, or no text.
    """
    if data.startswith(UTF16_MARKS) or (data[:1] and b"\0" in data[:2]):
        raise InputError("is UTF-16", place, "save it as UTF-8: iconv -f UTF-16 -t UTF-8")
    try:
        text = data.removeprefix(UTF8_MARK).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = remedy if CONTROLS & set(data) else "save it as UTF-8, from the encoding that it has"
        raise InputError(f"is not a text file in UTF-8 (line {line})", place, remedy) from None
    if "\0" in text:
        raise InputError("is not a text file: it holds NUL", place, remedy)
    return text


def parse_json(text: str, file: str | Path, remedy: str, line: int = 1) -> Any:
    """What JSON text holds, which begins in a line of a file.

    Raises:
        InputError: it is no JSON (with its line), or nobody can hold or write again what it says.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{file}:{line + error.lineno - 1}"
        raise InputError("is not JSON, or cut short", place, remedy) from None
    except ValueError:  # Python's own limit
        raise InputError("holds a number of thousands of digits", f"{file}:{line}", remedy) from None
    except RecursionError:
        raise InputError("is nested too deeply", f"{file}:{line}", remedy) from None
    check_text(text, content, f"{file}:{line}", remedy)
    return content


def check_text(text: str, content: Any, place: str | Path, remedy: str) -> None:
    """Raise InputError where JSON text holds half of a surrogate pair, which nobody can write again."""
    if "\\u" in text and SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            what = f"holds half of a character, {error.object[error.start]!a}"
            raise InputError(what, place, remedy) from None


def kind_of(content: Any) -> str:
    """What JSON holds, in words."""
    if isinstance(content, dict):
        for key, kind in (("predictions", "results"), ("annotations", "labels")):
            if isinstance(content.get(key), list):
                return f"one object with {key!r}, as SoccerNet's {kind} are"
        keys = ", ".join(map(repr, list(content)[:3]))
        return f"one object with {keys}" if keys else "one empty object"
    if isinstance(content, list):
        return f"a list of {len(content)}"
    return {str: "one text", bool: "true or false", type(None): "null"}.get(type(content), "one number")
