"""How windows best slide over a half, are merged and suppressed: chosen on games with labels.

Letters: n tokens of a half, L of a window, D width, C classes, A ways of suppression.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, product
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from comedian.evaluation.counts import Counts, a_map_per_class, precisions
from comedian.formats.actions import Action
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import SpotRecipe
from comedian.recipes.suppression import Way
from comedian.spotting.sliding import score_tokens
from comedian.spotting.tally import TOLERANCES, Unit, tally

STRIDES = (2, 4, 8)  # of a window its length is divided by them
IGNORED = (0, 1 / 8, 1 / 4, 3 / 8)  # of a window, at both ends; more than leaves no gap is left out
WAYS = (
    *(Way("soft", seconds) for seconds in (5.0, 10.0, 15.0)),
    *(Way("hard", seconds) for seconds in (3.0, 4.0, 5.0, 6.0, 8.0, 10.0)),
)


class EncodedHalf(NamedTuple):
    """A half whose spatial tokens are known; those of a game stand together.

    Attributes:
        game: number of its game.
        half: its own number.
        seconds: (n,) times of the tokens.
        tokens: (n, D).
        actions: that are labelled.
    """

    game: int
    half: int
    seconds: np.ndarray
    tokens: Tensor
    actions: Sequence[Action]


def choose_spot(halves: Sequence[EncodedHalf], spotter: Spotter, device: torch.device) -> SpotRecipe:
    """The recipe with the best tight a-mAP (official, over classes with labels) on some games.

    The spotter's own is kept where none is better. Each token passes the large network once.
    """
    best, best_score = spotter.spot, -1.0
    for windows in (spotter.spot, *_windows(spotter)):
        ways = list(dict.fromkeys([Way(windows.suppression, windows.window_seconds), *WAYS]))
        scores = _scores(halves, spotter, windows, ways, device)
        if (found := float(scores.max())) > best_score:
            way = ways[int(scores.argmax())]
            best_score = found
            best = replace(windows, suppression=way.kind, window_seconds=way.width_seconds)
    return best


def _windows(spotter: Spotter) -> Iterator[SpotRecipe]:
    """Ways to slide and to merge, without gaps."""
    length, fps = spotter.recipe.num_tokens, spotter.trained_on.fps
    strides = dict.fromkeys(max(length // part, 1) for part in STRIDES)
    for stride, share, merge in product(strides, IGNORED, ("max", "average")):
        if (ignored := round(share * length)) <= (length - stride) // 2:
            seconds = ignored * TUBELET_FRAMES / fps
            yield replace(spotter.spot, ignored_seconds=seconds, merge=merge, stride_tokens=stride)


def _scores(
    halves: Sequence[EncodedHalf],
    spotter: Spotter,
    windows: SpotRecipe,
    ways: Sequence[Way],
    device: torch.device,
) -> np.ndarray:
    """The score of each way of suppression, (A,), with windows that slide so."""
    units: list[Unit] = []
    for _, some in groupby(halves, key=attrgetter("game")):
        game = list(some)
        scored = [
            (one.half, score_tokens(one.tokens, one.seconds, spotter, windows, device, half=one.half))
            for one in game
        ]
        units.append(Unit(str(len(units)), [action for one in game for action in one.actions], scored))
    present = {action.label for unit in units for action in unit.actions}
    columns = [number for number, label in enumerate(spotter.classes) if label in present]
    names = [spotter.classes[number] for number in columns]
    found = tally(units, columns, names, ways)
    labels = np.broadcast_to(found.labels.sum(axis=0).astype(np.float64), (len(ways), len(names)))
    true, spots = (part.sum(axis=1, dtype=np.float64) for part in (found.true, found.spots))
    return a_map_per_class(precisions(Counts(true, spots, labels)), range(len(TOLERANCES))).mean(axis=1)
