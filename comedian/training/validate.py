"""The official score of a spotter in training, on games it does not train on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from comedian.clips import Halves
from comedian.formats.labels import Action
from comedian.models.spotter import Spotter
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.infer import join, score_stream, to_spots
from comedian.spotting.metrics import GameResult, evaluate
from comedian.spotting.sources import stream_frames
from comedian.spotting.suppress import suppress
from comedian.training import distributed


@dataclass(frozen=True)
class Validation:
    """Games to validate on.

    Attributes:
        actions: the labelled actions of each half.
        classes: the spotter's classes.
        spot: how its windows slide.
    """

    halves: Halves
    actions: Sequence[Sequence[Action]]
    classes: Sequence[str]
    spot: SpotRecipe

    def score(self, spotter: Spotter, device: torch.device) -> float:
        """Official tight average-mAP (share of 1) after soft NMS; on one process, for all."""
        score = torch.zeros((), device=device)
        if distributed.rank() == 0:
            score += self._score(spotter, device)
        spotter.train()
        return distributed.mean(score).item() * distributed.world_size()

    def _score(self, spotter: Spotter, device: torch.device) -> float:
        spots: dict[int, list[dict]] = {}
        actions: dict[int, list[Action]] = {}
        for file, game, some in zip(self.halves.files, self.halves.games, self.actions, strict=True):
            scores = join(score_stream(stream_frames(file), [spotter], self.spot, device))
            found = to_spots(scores, self.classes, file.video, file.half)
            spots.setdefault(game, []).extend(suppress(found, "soft"))
            actions.setdefault(game, []).extend(some)
        results = [GameResult(self.halves.names[game], actions[game], spots[game]) for game in spots]
        return evaluate(results, self.classes, ("tight",))["metrics"]["tight"]["a_mAP"]
