"""One difference of two files."""

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """What differs: `one` value and the `other`, or a single `value` where the difference itself is one.

    As text a line: `optim.epochs: 100 -> 50`, or `largest difference of spatial: 0.002`.
    """

    name: str
    one: Any = None
    other: Any = None
    value: Any = None

    def __str__(self) -> str:
        if self.value is not None:
            return f"{self.name}: {_shown(self.value)}"
        return f"{self.name}: {_shown(self.one)} -> {_shown(self.other)}"

    def plain(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        sides = {"one": self.one, "other": self.other} if self.value is None else {"value": self.value}
        return {"name": self.name, **sides}


def _shown(value: Any) -> str:
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return " ".join(str(value).split("\n"))
