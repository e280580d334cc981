"""The labelled actions of the halves a stage trains or validates on."""

from collections.abc import Callable, Sequence
from pathlib import Path

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.games import LABELS_NAME, labels_beside
from comedian.formats.labels import Action, read_labels


def read_actions(
    halves: Halves, root: Path | None, classes: Sequence[str], say: Callable[[str], None] = print
) -> list[list[Action]]:
    """Actions of each half, in the order of `halves.files`.

    Args:
        root: folder with `<game>/Labels-v2.json`; None looks beside the video of each frames file.
        say: takes one remark about labels outside `classes`, which are left out.

    Raises:
        InputError: a half has no labels, or no label at all is one of `classes`.
    """
    everything = [
        [action for action in read_labels(_labels_of(halves, number, root)) if action.half == file.half]
        for number, file in enumerate(halves.files)
    ]
    names = {action.label for actions in everything for action in actions}
    if not names & set(classes):
        raise InputError("no labelled action is of the recipe's classes", remedy="--set classes=[…]")
    if unknown := sorted(names - set(classes)):
        say(f"labels outside the recipe's classes are left out: {', '.join(unknown)}")
    return everything


def _labels_of(halves: Halves, number: int, root: Path | None) -> Path:
    file = halves.files[number]
    if root is None:
        if found := labels_beside(file.video):
            return found
        raise InputError("has no labels beside its video", file.video, "name their folder with --labels")
    for candidate in (root / halves.name_of(number) / LABELS_NAME, root / f"{halves.name_of(number)}.json"):
        if candidate.is_file():
            return candidate
    raise InputError(f"no labels for game {halves.name_of(number)!r}", root, f"expected GAME/{LABELS_NAME}")
