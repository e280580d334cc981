"""What makes a score differ from what one may take it for, in words."""

from collections.abc import Sequence

from comedian.errors import some_of
from comedian.evaluation.cells import Cells, Scored
from comedian.recipes.model import SOCCERNET_CLASSES

UNSHOWN_CLASSES = 13  # of 17: how many have unshown actions in SoccerNet-v2


def remark_missing(what: str, names: list[str]) -> list[str]:
    """Of games or halves (`what`) that have labels and no spot."""
    many = {"game": "games", "half": "halves"}[what]
    count = f"{len(names)} {what if len(names) == 1 else many}"
    return [f"{count} with labels but no spot, counted as missed: {some_of(names)}"] if names else []


def remark_cells(targets: Cells, predictions: Cells) -> list[str]:
    """Of actions and spots that do not count, or not as what they are."""
    doubled = targets.num_entries - len(targets.values)
    replaced = predictions.num_entries - len(predictions.values)
    late = targets.outside["late"] + predictions.outside["late"]
    early = targets.outside["early"] + predictions.outside["early"]
    other = targets.outside["half"] + predictions.outside["half"]
    frame = f"one frame (1/{targets.framerate} s)"
    said = {
        f"{doubled} actions share {frame} with another of their class and count once": doubled,
        f"{replaced} spots were replaced by a later one of their class in {frame}": replaced,
        f"{late} positions past 120 minutes all fall into the last frame": late,
        f"{early} negative positions count from the end of the half": early,
        f"{other} actions and spots of halves other than 1 and 2 do not count": other,
        f"labels outside the classes do not count: {some_of(sorted(targets.unknown))}; name them with "
        "--classes": len(targets.unknown),
        f"spots outside the classes do not count: {some_of(sorted(predictions.unknown))}": len(
            predictions.unknown
        ),
    }
    return [message for message, number in said.items() if number]


def remark_classes(scored: Scored, classes: Sequence[str], num_tolerances: int) -> list[str]:
    """Of classes without labels, and of the factor of the unshown actions."""
    said = []
    absent = [name for name, number in zip(classes, scored.num_targets["all"], strict=True) if not number]
    if absent:
        said.append(
            f"{len(absent)} of {len(classes)} classes have no label and count 0 in every mean "
            f"({some_of(absent)}); a_mAP_present_classes leaves them out"
        )
    unshown = int((scored.num_targets["unshown"] > 0).sum())
    usual = unshown == UNSHOWN_CLASSES and len(classes) == len(SOCCERNET_CLASSES)
    if unshown and num_tolerances > 1 and not usual:
        said.append(
            f"a_mAP_unshown is multiplied by 17/13, made for SoccerNet-v2, where {UNSHOWN_CLASSES} of 17 "
            f"classes have unshown actions; here {unshown} of {len(classes)} have"
        )
    return said
