"""The official score of a spotter in training, on games it does not train on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from comedian import distributed
from comedian.data.halves import Halves
from comedian.evaluation.cells import GameResult
from comedian.evaluation.curves import Curves, precision_recall
from comedian.evaluation.metrics import evaluate
from comedian.formats.actions import Action
from comedian.formats.spot import Spot
from comedian.formats.tokens import TokensFile
from comedian.models.spotter import Spotter
from comedian.progress import Report, silent
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.choose import EncodedHalf, choose_spot
from comedian.spotting.halves import stream_frames
from comedian.spotting.sliding import encode_half, join, score_stream, score_tokens, token_seconds
from comedian.spotting.spots import to_spots
from comedian.spotting.suppress import suppress


class Verdict(NamedTuple):
    """Official tight average-mAP (fraction of 1), and precision and recall of each class by confidence."""

    score: float
    curves: Curves


@dataclass(frozen=True)
class Validation:
    """Games to validate on.

    Attributes:
        actions: the labelled actions of each half.
        tokens: what a frozen spatial encoder made of each half; empty where it must be asked.
    """

    halves: Halves
    actions: Sequence[Sequence[Action]]
    tokens: Sequence[TokensFile] = ()

    def judge(self, spotter: Spotter, device: torch.device, report: Report = silent) -> Verdict:
        """Score a spotter after the suppression that its recipe names; processes share the halves.

        The spotter is left in eval mode. `report` moves a bar, half by half.
        """
        results = self._results(spotter, device, report)
        score = evaluate(results, spotter.classes, ("tight",))["metrics"]["tight"]["a_mAP"]
        return Verdict(score, precision_recall(results, spotter.classes))

    def choose(self, spotter: Spotter, device: torch.device) -> SpotRecipe:
        """How the spotter's windows best slide, are merged and suppressed, for tight a-mAP."""
        spotter = spotter.to(device).eval()
        mine = range(distributed.rank(), len(self.halves.files), distributed.world_size())
        encoded = dict(
            distributed.gather_lists([(half, self._tokens(half, spotter, device)) for half in mine])
        )
        halves = [
            EncodedHalf(self.halves.games[half], file.half, seconds, tokens, self.actions[half])
            for half, file in enumerate(self.halves.files)
            for seconds, tokens in [encoded[half]]
        ]
        return choose_spot(halves, spotter, device)

    def _tokens(self, half: int, spotter: Spotter, device: torch.device) -> tuple[np.ndarray, Tensor]:
        """Times (n,) and spatial tokens (n, D) of a half."""
        file = self.halves.files[half]
        if not self.tokens:
            return encode_half(stream_frames(file), spotter, device)
        stored = self.tokens[half]
        features = torch.from_numpy(stored.read(0, len(stored))).float().to(device)
        with torch.inference_mode():
            tokens = spotter.spatial.to(device).neck(features).cpu()
        return token_seconds(file.seconds), tokens

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
        file, way = self.halves.files[half], spotter.spot
        if self.tokens:
            seconds, tokens = self._tokens(half, spotter, device)
            scores = score_tokens(tokens, seconds, spotter, way, device, file.video, file.half)
        else:
            frames = stream_frames(file)
            scores = join(score_stream(frames, [spotter], way, device, file.video, file.half))
        return list(suppress(to_spots(scores, spotter.classes), way.suppression, way.window_seconds))
