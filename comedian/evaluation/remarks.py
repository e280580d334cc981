"""What makes a score differ from what one may take it for, in words."""

from collections.abc import Iterable, Sequence

from comedian.errors import some_of
from comedian.evaluation.cells import Cells, Scored
from comedian.formats.actions import NOT_SHOWN, VISIBLE, Action
from comedian.formats.classes import quoted
from comedian.formats.naming import LAST_HALF
from comedian.formats.spot import Outside
from comedian.recipes.model import SOCCERNET_CLASSES

HALF_MS = 45 * 60_000
OFF_MATCH_CLOCK = "count them from the start of the half: take 2700000 ms off each"
UNSHOWN_CLASSES = 13  # of 17: how many have unshown actions in SoccerNet-v2


def remark_missing(what: str, names: list[str]) -> list[str]:
    """Of games or halves (`what`) that have labels and no spot."""
    many = {"game": "games", "half": "halves"}[what]
    count = f"{len(names)} {what if len(names) == 1 else many}"
    return [f"{count} with labels but no spot, counted as missed: {some_of(names)}"] if names else []


def remark_bare(names: list[str]) -> list[str]:
    """Of halves that have spots and no label."""
    return [f"no label, so that every spot is wrong, in {some_of(names)}"] if names else []


def is_on_match_clock(actions: Iterable[Action]) -> bool:
    """Whether all actions of half 2 lie past its 45 minutes: their clock was not set back."""
    positions_ms = [action.position_ms for action in actions if action.half == LAST_HALF]
    return len(positions_ms) > 1 and min(positions_ms) >= HALF_MS


def remark_match_clock(names: list[str]) -> list[str]:
    """Of games whose second half's labels begin at 45 minutes."""
    what = "all labels of half 2 lie past 45:00, as on the match clock; they count from the half's start"
    return [f"{what}: {some_of(names)}"] if names else []


def remark_cells(targets: Cells, predictions: Cells, outside: Outside) -> list[str]:
    """Of actions and spots that do not count, or not as what they are."""
    doubled = targets.num_entries - len(targets.values)
    replaced = predictions.num_entries - len(predictions.values)
    late, early, before = (_both(targets, predictions, key) for key in ("late", "early", "before"))
    other_actions, other_spots = targets.outside["half"], predictions.outside["half"]
    odd = sorted(set(targets.visibilities) - {VISIBLE, NOT_SHOWN, ""})
    frame = f"one frame (1/{targets.framerate} s)"
    said = {
        f"two actions of a class in {frame} count once: {_count(doubled, 'action')} less": doubled,
        f"of two spots of a class in {frame} the last counts: {_count(replaced, 'spot')} less": replaced,
        f"{outside}: below 0 and NaN are no predictions, above 1 counts at every threshold": outside.number,
        f"{_count(late, 'position')} past 120 minutes: all fall into the last frame": late,
        f"{_count(early, 'negative position')}: they count from the end of the half": early,
        f"{_count(before, 'negative position')}: they fall into the first frame": before,
        f"periods other than halves 1 and 2 do not count: {_count(other_actions, 'action')}, "
        f"{_count(other_spots, 'spot')} left out": other_actions + other_spots,
        f"visibility {some_of(list(map(repr, odd)))} counts as visible; only 'not shown' does not": len(
            odd
        ),
        f"labels outside the classes do not count: {quoted(targets.unknown, targets.classes)}; name them "
        "with --classes": len(targets.unknown),
        f"spots outside the classes do not count: {quoted(predictions.unknown, targets.classes)}": len(
            predictions.unknown
        ),
    }
    return [message for message, number in said.items() if number]


def _both(targets: Cells, predictions: Cells, key: str) -> int:
    return targets.outside[key] + predictions.outside[key]


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


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
