"""What step 3 learns from and is judged by: classes, labelled actions, games that are held out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from comedian.data.halves import Halves
from comedian.data.remarks import remark_shared
from comedian.formats.actions import Action
from comedian.recipes.stages import FinetuneRecipe
from comedian.training.actions import count_labels, labels_of, read_actions
from comedian.training.classes import choose_classes
from comedian.training.validate import Validation


@dataclass(frozen=True)
class Prepared:
    """What step 3 works with.

    Attributes:
        recipe: with the classes that were chosen.
        actions: the labelled actions of each half.
        validation: games to validate on, or None.
        files: what the labels were read from.
    """

    recipe: FinetuneRecipe
    actions: list[list[Action]]
    validation: Validation | None
    files: list[Path]


def prepare(
    halves: Halves,
    held_out: Halves | None,
    labels: Path | None,
    recipe: FinetuneRecipe,
    classes: Sequence[str] | None = None,
    say: Callable[[str], None] = print,
) -> Prepared:
    """Find the labels of halves, and of those that are held out to validate on.

    Args:
        labels: a folder of labels or one labels file; None looks beside the videos.
        classes: those to learn; None is the recipe's, or the labels' own (`choose_classes`).
        say: takes a remark about each thing that is left out, or cannot be right.

    Raises:
        InputError: as `read_actions` and `choose_classes`.
    """
    known = labels_of(halves, labels)
    names, said = choose_classes(count_labels(halves, known), recipe.classes, classes)
    recipe, files = replace(recipe, classes=names), known.files()
    for message in said:
        say(message)
    actions = read_actions(halves, known, names, say)
    if held_out is None:
        say("no --valid, keeping the last epoch")
        return Prepared(recipe, actions, None, files)
    for message in remark_shared(_videos(halves), _videos(held_out)):
        say(message)
    other = labels_of(held_out, labels)
    validation = Validation(held_out, read_actions(held_out, other, names, say))
    return Prepared(recipe, actions, validation, [*files, *other.files()])


def _videos(halves: Halves) -> list[str]:
    return [file.video for file in halves.files]
