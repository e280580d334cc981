"""The labelled actions of the halves that a step trains or validates on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.formats.actions import Action
from comedian.formats.lookup import Labels


def read_actions(
    halves: Halves, labels: Path | None, classes: Sequence[str], say: Callable[[str], None] = print
) -> list[list[Action]]:
    """Actions of each half, in the order of `halves.files`.

    A half is looked up by the video that its frames come from, else by its game's name.

    Args:
        labels: a folder of labels or one labels file; None looks beside the videos.
        say: takes one remark about labels outside `classes`, which are left out.

    Raises:
        InputError: a half has no labels, or no label at all is one of `classes`.
    """
    found = [
        [action for action in actions if action.half == file.half]
        for file, actions in zip(halves.files, _of_games(halves, labels), strict=True)
    ]
    names = {action.label for actions in found for action in actions}
    if not names & set(classes):
        remedy = f"name them: --set 'classes={json.dumps(sorted(names), ensure_ascii=False)}'"
        raise InputError("no labelled action is of the recipe's classes", remedy=remedy if names else None)
    if unknown := sorted(names - set(classes)):
        say(f"labels outside the recipe's classes are left out: {', '.join(unknown)}")
    return found


def _of_games(halves: Halves, labels: Path | None) -> list[list[Action]]:
    """The actions of the game of each half."""
    known = Labels([file.video for file in halves.files], labels)
    games, missing = [], []
    for number, file in enumerate(halves.files):
        game = known.game_of(file.video, f"{halves.name_of(number)}/{Path(file.video).name}")
        games.append(game) if game else missing.append(file.video)
    if missing:
        raise known.missing(missing)
    actions = {game: known.of(game) for game in set(games)}
    return [actions[game] for game in games]
