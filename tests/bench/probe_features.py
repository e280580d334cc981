"""How much a linear layer reads out of a teacher's features, in about half a minute beside the teacher.

    .venv/bin/python tests/bench/probe_features.py DATA FRAMES TEACHER [TEACHER …]

DATA holds train.txt, valid.txt and the games' labels, FRAMES the frames. A teacher is what
`build-bank` takes as one, its features are a bank's rows; or it is such a bank of all the games (.h5). A
logistic layer reads a second and the two beside it. How much its weights are held down is chosen on
the last quarter of the training games. Its score is the official one, on valid.txt after soft NMS.

Letters: M rows, K width of a row, C classes.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from comedian.bank.teacher import bank_from_frames
from comedian.data.halves import Halves
from comedian.evaluation.cells import GameResult
from comedian.evaluation.metrics import evaluate
from comedian.formats.bank import Bank
from comedian.formats.games import FRAMES_SUFFIXES, Game, find_games
from comedian.formats.scores import Scores
from comedian.losses.spotting import frame_labels
from comedian.recipes.bank import BankRecipe
from comedian.recipes.model import SOCCERNET_CLASSES as CLASSES
from comedian.spotting.spots import to_spots
from comedian.spotting.suppress import suppress
from comedian.training.actions import read_actions

RADIUS_SECONDS = 1.0  # a row this near to an action is positive
DECAYS = (1e-5, 1e-4, 1e-3)  # of the layer's squared weights
NMS_SECONDS = 10.0
LOOKS = 80  # of L-BFGS at the loss


def main() -> None:
    """A line for each teacher."""
    data, frames, *teachers = sys.argv[1:]
    sets = [
        find_games([f"{data}/{name}.txt"], FRAMES_SUFFIXES, Path(frames)) for name in ("train", "valid")
    ]
    print(f"{'tight':>6} {'loose':>6} {'loss':>7} {'seconds':>8}  teacher", flush=True)
    for teacher in teachers:
        start = time.process_time()
        bank = bank_of(teacher, [*sets[0], *sets[1]])
        train, valid = (Rows(bank, Halves.open(games), Path(data)) for games in sets)
        scores, loss = probe(train, valid)
        seconds = time.process_time() - start
        print(f"{scores[0]:6.1f} {scores[1]:6.1f} {loss:7.4f} {seconds:8.0f}  {teacher}", flush=True)


def bank_of(teacher: str, games: Sequence[Game]) -> Bank:
    """A bank that is there, or what a teacher makes of some games."""
    if teacher.endswith(".h5"):
        return Bank(teacher)
    with TemporaryDirectory() as folder:
        bank_from_frames(games, teacher, f"{folder}/b.h5", BankRecipe(), workers=1)
        return Bank(f"{folder}/b.h5")


class Rows:
    """The rows of some halves beside each other, their labels, and where each half ends."""

    def __init__(self, bank: Bank, halves: Halves, labels: Path):
        self.halves, self.actions = halves, read_actions(halves, labels, CLASSES, lambda remark: None)
        self.seconds, inputs, wanted = [], [], []
        for half, file in enumerate(halves.files):
            rows = bank.rows(halves.name_of(half), file.half)
            own = [action for action in self.actions[half] if action.label in CLASSES]
            self.seconds.append(bank.seconds[rows])
            inputs.append(with_neighbours(torch.from_numpy(bank.features[rows]).float()))
            times = [action.position_ms / 1000 for action in own]
            numbers = [CLASSES.index(action.label) for action in own]
            wanted.append(frame_labels(self.seconds[-1], times, numbers, len(CLASSES), RADIUS_SECONDS))
        self.inputs, self.labels = torch.cat(inputs), torch.cat(wanted)  # (M, 3K), (M, C)


def with_neighbours(rows: Tensor) -> Tensor:
    """Each row between the one before and the one after, (M, K) to (M, 3K)."""
    return torch.cat([torch.cat([rows[:1], rows[:-1]]), rows, torch.cat([rows[1:], rows[-1:]])], dim=1)


def probe(train: Rows, valid: Rows) -> tuple[list[float], float]:
    """Official tight and loose a-mAP in percent of a layer's spots, and its loss, on `valid`."""
    cut = 3 * len(train.inputs) // 4
    scale = train.inputs.std()
    inputs, there = train.inputs / scale, valid.inputs / scale
    held = {
        decay: loss_of(fitted(inputs[:cut], train.labels[:cut], decay), inputs[cut:], train.labels[cut:])
        for decay in DECAYS
    }
    layer = fitted(inputs, train.labels, min(held, key=lambda decay: held[decay].item()))
    probabilities = layer(there).sigmoid().detach().numpy()
    return official(valid, probabilities), loss_of(layer, there, valid.labels).item()


def fitted(inputs: Tensor, labels: Tensor, decay: float) -> torch.nn.Linear:
    """A layer of the least cross-entropy, which begins with each class's share."""
    layer = torch.nn.Linear(inputs.shape[1], labels.shape[1])
    torch.nn.init.zeros_(layer.weight)
    layer.bias.data = labels.mean(0).clamp(1e-5, 1 - 1e-5).logit()
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=LOOKS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = loss_of(layer, inputs, labels) + decay * layer.weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return layer


def loss_of(layer: torch.nn.Linear, inputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, the sum over classes, the mean over rows."""
    return F.binary_cross_entropy_with_logits(layer(inputs), labels, reduction="sum") / len(inputs)


def official(rows: Rows, probabilities: np.ndarray) -> list[float]:
    """Tight and loose a-mAP in percent."""
    ends = np.cumsum([len(seconds) for seconds in rows.seconds])
    actions: dict[str, list] = defaultdict(list)
    spots: dict[str, list] = defaultdict(list)
    for half, own in enumerate(np.split(probabilities, ends[:-1])):
        file, name = rows.halves.files[half], rows.halves.name_of(half)
        scores = Scores(file.video, file.half, rows.seconds[half], own)
        actions[name] += rows.actions[half]
        spots[name] += suppress(to_spots(scores, CLASSES), "soft", NMS_SECONDS)
    games = [GameResult(name, actions[name], spots[name]) for name in rows.halves.names]
    found = evaluate(games, CLASSES, ("tight", "loose"))["metrics"]
    return [100 * found[name]["a_mAP"] for name in ("tight", "loose")]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
