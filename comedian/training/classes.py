"""The classes that a spotter learns: those named, the recipe's, or what the labels have."""

from collections import Counter
from collections.abc import Sequence

from comedian.errors import InputError, some_of
from comedian.formats.classes import classes_meant
from comedian.recipes.model import SOCCERNET_CLASSES

FEW = 20  # labels of a class, below which little of it is found


def choose_classes(
    counts: Counter[str], recipe: Sequence[str], named: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[str]]:
    """The classes to learn, and remarks on them.

    Args:
        counts: how many labels of each name lie within the videos.
        recipe: the recipe's; where those are SoccerNet's and no label is one of them, the labels' own.
        named: what a user named, which goes before.

    Raises:
        InputError: a named class has no label.
    """
    if named is not None and (absent := [name for name in named if not counts[name]]):
        what = f"no label of {some_of([repr(name) for name in absent])}"
        raise InputError(what, "--classes", f"the labels have {some_of(sorted(counts), 20)}")
    classes = tuple(named or recipe)
    if named is None and classes == SOCCERNET_CLASSES:
        classes = classes_meant(counts)
    told = ", ".join(f"{name} {counts[name]}" for name in classes)
    said = [f"classes, and how many labels: {told}"] if classes != SOCCERNET_CLASSES else []
    few = [f"{name} {counts[name]}" for name in classes if 0 < counts[name] < FEW]
    if few and said:
        said.append(f"few labels ({some_of(few)}): little of such a class is found; a hundred are a start")
    return classes, said
