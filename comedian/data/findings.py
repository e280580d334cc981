"""What a check finds: one line each."""

from pathlib import Path
from typing import NamedTuple

from comedian.errors import InputError

MEND = "mend it"


class Finding(NamedTuple):
    """One thing that is not as it should be; as text `file: what; remedy`.

    Attributes:
        file: the file, or the place in it.
        what: what is wrong.
        remedy: what to do about it.
        hurts: whether a result would be wrong or a command would refuse; otherwise it is only to be known.
    """

    file: str | Path
    what: str
    remedy: str
    hurts: bool = True

    def __str__(self) -> str:
        return str(InputError(self.what if self.hurts else f"note: {self.what}", self.file, self.remedy))


def of_error(error: InputError, file: str | Path) -> Finding:
    """What a reader refused; `file` stands in where the error names none."""
    return Finding(file if error.file is None else str(error.file), error.what, error.remedy or MEND)
