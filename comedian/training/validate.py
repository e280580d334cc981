"""The official score of a spotter in training, on games it does not train on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from comedian import distributed
from comedian.data.halves import Halves
from comedian.evaluation.cells import GameResult
from comedian.evaluation.curves import Curves, precision_recall
from comedian.evaluation.metrics import evaluate
from comedian.formats.actions import Action
from comedian.formats.spot import Spot
from comedian.models.spotter import Spotter
from comedian.progress import Report, silent
from comedian.spotting.sliding import join, score_stream
from comedian.spotting.sources import stream_frames
from comedian.spotting.spots import to_spots
from comedian.spotting.suppress import suppress


class Verdict(NamedTuple):
    """Official tight average-mAP (fraction of 1), and precision and recall of each class by confidence."""

    score: float
    curves: Curves


@dataclass(frozen=True)
class Validation:
    """Games to validate on; `actions` are the labelled actions of each half."""

    halves: Halves
    actions: Sequence[Sequence[Action]]

    def judge(self, spotter: Spotter, device: torch.device, report: Report = silent) -> Verdict:
        """Score a spotter after soft NMS; processes share the halves.

        The spotter is left in eval mode. `report` moves a bar, half by half.
        """
        results = self._results(spotter, device, report)
        score = evaluate(results, spotter.classes, ("tight",))["metrics"]["tight"]["a_mAP"]
        return Verdict(score, precision_recall(results, spotter.classes))

    def _results(self, spotter: Spotter, device: torch.device, report: Report) -> list[GameResult]:
        """Labels and spots of each game, on every process."""
        mine = range(distributed.rank(), len(self.halves.files), distributed.world_size())
        own = []
        for half in mine:
            own.append((half, self._spots(half, spotter, device)))
            report("validation", len(own), len(mine))
        found = dict(distributed.gather_lists(own))
        results = []
        for game, name in enumerate(self.halves.names):
            halves = [half for half, owner in enumerate(self.halves.games) if owner == game]
            actions = [action for half in halves for action in self.actions[half]]
            results.append(GameResult(name, actions, [spot for half in halves for spot in found[half]]))
        return results

    def _spots(self, half: int, spotter: Spotter, device: torch.device) -> list[Spot]:
        file = self.halves.files[half]
        frames = stream_frames(file)
        scores = join(score_stream(frames, [spotter], spotter.spot, device, file.video, file.half))
        way = spotter.spot
        return list(suppress(to_spots(scores, spotter.classes), way.suppression, way.window_seconds))
