"""The labelled actions of the halves that a step trains or validates on."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from comedian.data.halves import Halves
from comedian.data.remarks import inside
from comedian.errors import InputError, some_of
from comedian.evaluation.remarks import OFF_MATCH_CLOCK, is_on_match_clock
from comedian.formats.actions import Action, in_halves
from comedian.formats.classes import quoted
from comedian.formats.frames import FramesFile
from comedian.formats.lookup import Labels, check_half_known
from comedian.formats.naming import HALVES, Parts


def labels_of(halves: Halves, labels: Path | None) -> Labels:
    """The labels of some halves.

    Args:
        labels: a folder of labels or one labels file; None looks beside the videos.
    """
    return Labels([file.video for file in halves.files], labels)


def read_actions(
    halves: Halves,
    labels: Labels | Path | None,
    classes: Sequence[str],
    say: Callable[[str], None] = print,
) -> list[list[Action]]:
    """Actions of each half, in the order of `halves.files`.

    A half is looked up by the video that its frames come from, else by its game's name.

    Args:
        labels: those of the halves, or where to look, as for `labels_of`.
        say: takes a remark about each kind of labels that are left out, or cannot be right.

    Raises:
        InputError: a half has no labels, or nobody can tell which, or no label at all is one of `classes`
            and inside its video.
    """
    known = labels if isinstance(labels, Labels) else labels_of(halves, labels)
    games = _of_games(halves, known)
    found = _of_halves(halves, games)
    for message in [
        *_remark_periods(games, {file.half for file in halves.files}),
        *_remark_classes({action.label for actions in found for action in actions}, classes),
        *_remark_times(halves.files, found),
        *_remark_empty(halves.files, found),
    ]:
        say(message)
    kept = [inside(some, file.seconds[-1]) for file, some in zip(halves.files, found, strict=True)]
    if not {action.label for some in kept for action in some} & set(classes):
        raise InputError(
            "no labelled action of the recipe's classes lies within its video",
            known.given,
            "positions count from the start of each half's video",
        )
    return found


def count_labels(halves: Halves, known: Labels) -> Counter[str]:
    """How many labels of each name lie within the halves; raises as `read_actions`."""
    found = _of_halves(halves, _of_games(halves, known))
    return Counter(
        action.label
        for file, actions in zip(halves.files, found, strict=True)
        for action in inside(actions, file.seconds[-1])
    )


def _of_halves(halves: Halves, games: Sequence[Sequence[Action]]) -> list[list[Action]]:
    """Of the actions of each half's game its own."""
    return [
        [action for action in actions if action.half == file.half]
        for file, actions in zip(halves.files, games, strict=True)
    ]


def _remark_periods(games: Sequence[Sequence[Action]], halves: set[int]) -> list[str]:
    each = {id(actions): actions for actions in games}.values()  # the halves of a game have one list
    others = sum(action.half not in {*HALVES, *halves} for actions in each for action in actions)
    return [f"labels of periods other than halves 1 and 2 are left out: {others}"] if others else []


def _remark_classes(labels: set[str], classes: Sequence[str]) -> list[str]:
    """Of labels outside the classes; InputError where all are."""
    unknown = labels - set(classes)
    if labels and unknown == labels:
        remedy = f"name them: --set 'classes={json.dumps(sorted(labels), ensure_ascii=False)}'"
        raise InputError(
            f"no label is one of the recipe's classes: {quoted(unknown, classes)}", remedy=remedy
        )
    return (
        [f"labels outside the recipe's classes are left out: {quoted(unknown, classes)}"] if unknown else []
    )


def _remark_times(files: Sequence[FramesFile], found: Sequence[Sequence[Action]]) -> list[str]:
    """Of labels before the start or past the end of their video."""
    outside = [
        (file, action)
        for file, actions in zip(files, found, strict=True)
        for action in set(actions) - set(inside(actions, file.seconds[-1]))
    ]
    if not outside:
        return []
    file, action = max(outside, key=lambda pair: pair[1].position_ms)
    example = (
        f"{file.video} ends at {file.seconds[-1]:.0f} s, a label is at {action.position_ms / 1000:.0f} s"
    )
    on_match_clock = any(map(is_on_match_clock, found))
    advice = f"on the match clock, {OFF_MATCH_CLOCK}" if on_match_clock else "are they of another cut?"
    return [f"labels outside the time of their video are left out: {len(outside)} ({example}); {advice}"]


def _remark_empty(files: Sequence[FramesFile], found: Sequence[Sequence[Action]]) -> list[str]:
    empty = [file.video for file, actions in zip(files, found, strict=True) if not actions]
    return [f"no label in {some_of(empty)}: it is all taken for background"] if empty else []


def _of_games(halves: Halves, known: Labels) -> list[list[Action]]:
    """The actions of the game of each half."""
    games, missing = [], []
    for number, file in enumerate(halves.files):
        game = known.game_of(file.video, f"{halves.name_of(number)}/{Path(file.video).name}")
        games.append(game) if game else missing.append(file.video)
    if missing:
        raise known.missing(missing)
    starts_ms: dict[Parts, dict[int, float]] = {game: {} for game in games}
    for file, game in zip(halves.files, games, strict=True):
        if file.period:
            starts_ms[game][file.half] = file.period.start_ms
    actions = {game: in_halves(known.of(game), starts) for game, starts in starts_ms.items()}
    _check_owners(halves.files, games)
    for file, game in zip(halves.files, games, strict=True):
        if not file.period:
            check_half_known(file.video, [file.half], actions[game])
    return [actions[game] for game in games]


def _check_owners(files: Sequence[FramesFile], games: Sequence[Parts]) -> None:
    """Refuse two videos that would share the labels of a half."""
    owner: dict[tuple[Parts, int], str] = {}
    for file, game in zip(files, games, strict=True):
        if (other := owner.setdefault((game, file.half), file.video)) != file.video:
            what = f"and {other} both hold half {file.half} of one game, by their names and labels"
            raise InputError(what, file.video, "give one of them, or each labels of its own")
