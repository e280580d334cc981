"""The labelled actions of the halves that a step trains or validates on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.actions import Action
from comedian.formats.frames import FramesFile
from comedian.formats.lookup import Labels, check_half_known
from comedian.formats.naming import Parts


def labels_of(halves: Halves, labels: Path | None) -> Labels:
    """The labels of some halves.

    Args:
        labels: a folder of labels or one labels file; None looks beside the videos.
    """
    return Labels([file.video for file in halves.files], labels)


def read_actions(
    halves: Halves, known: Labels, classes: Sequence[str], say: Callable[[str], None] = print
) -> list[list[Action]]:
    """Actions of each half, in the order of `halves.files`.

    A half is looked up by the video that its frames come from, else by its game's name.

    Args:
        say: takes one remark about labels outside `classes`, which are left out.

    Raises:
        InputError: a half has no labels, or nobody can tell which, or no label at all is one of `classes`.
    """
    found = [
        [action for action in actions if action.half == file.half]
        for file, actions in zip(halves.files, _of_games(halves, known), strict=True)
    ]
    names = {action.label for actions in found for action in actions}
    if not names & set(classes):
        remedy = f"name them: --set 'classes={json.dumps(sorted(names), ensure_ascii=False)}'"
        raise InputError("no labelled action is of the recipe's classes", remedy=remedy if names else None)
    if unknown := sorted(names - set(classes)):
        say(f"labels outside the recipe's classes are left out: {', '.join(unknown)}")
    return found


def _of_games(halves: Halves, known: Labels) -> list[list[Action]]:
    """The actions of the game of each half."""
    games, missing = [], []
    for number, file in enumerate(halves.files):
        game = known.game_of(file.video, f"{halves.name_of(number)}/{Path(file.video).name}")
        games.append(game) if game else missing.append(file.video)
    if missing:
        raise known.missing(missing)
    actions = {game: known.of(game) for game in set(games)}
    _check_owners(halves.files, games)
    for file, game in zip(halves.files, games, strict=True):
        check_half_known(file.video, [file.half], actions[game])
    return [actions[game] for game in games]


def _check_owners(files: Sequence[FramesFile], games: Sequence[Parts]) -> None:
    """Refuse two videos that would share the labels of a half."""
    owner: dict[tuple[Parts, int], str] = {}
    for file, game in zip(files, games, strict=True):
        if (other := owner.setdefault((game, file.half), file.video)) != file.video:
            what = f"and {other} both hold half {file.half} of one game, by their names and labels"
            raise InputError(what, file.video, "give one of them, or each labels of its own")
