"""The batches of an epoch: clips drawn, shuffled and decoded, alike in every step.

Letters: n clips of an epoch, B clips of a batch in this process, T frames of a clip, H × W stored frame.
"""

from collections.abc import Callable, Iterator
from copy import copy

import numpy as np
import torch
from torch import Tensor

from comedian import distributed
from comedian.data.halves import Halves
from comedian.data.loader import ClipLoader
from comedian.data.sampling import draw_clips
from comedian.data.token_loader import TokenLoader
from comedian.data.transfer import carried
from comedian.errors import InputError
from comedian.training.run import Run
from comedian.training.schedule import seed_of


class Epochs:
    """The batches of a step, epoch by epoch; use it in a `with` statement, which ends its threads.

    Attributes:
        iterations: whole batches of an epoch.
    """

    def __init__(
        self,
        halves: Halves,
        run: Run,
        purpose: str,
        *,
        sampler: str,
        num_frames: int,
        per_game: int,
        batch_size: int,
        beside: Callable[[int, int], Tensor | tuple[Tensor, ...]] | None = None,
        loader: ClipLoader | TokenLoader | None = None,
    ):
        """Plan epochs whose draws depend on the run's seed, `purpose` and the epoch alone.

        Args:
            sampler, num_frames, per_game: as `draw_clips` takes them.
            batch_size: clips of all processes together.
            beside: half, first frame -> what a batch holds of a clip beside its frames: tensors.

        Raises:
            InputError: a half is shorter than a clip, or the clips are too few for one batch.
        """
        self._halves, self._run, self._purpose, self._beside = halves, run, purpose, beside
        self._clips, self._batch_size = (sampler, halves, num_frames, per_game), batch_size
        num_clips = len(draw_clips(*self._clips, np.random.default_rng()))
        self.iterations = num_clips // batch_size
        if not self.iterations:
            raise InputError(
                f"{len(halves.files)} halves give {num_clips} clips an epoch, a batch needs {batch_size}",
                remedy="lower --batch-size or add games",
            )
        self._loader = loader or ClipLoader(
            halves.files, num_frames, run.workers, run.device.type == "cuda"
        )

    def of(self, batch_size: int) -> "Epochs":
        """The same clips in batches of another size, decoded by the same threads."""
        other = copy(self)
        other._batch_size = batch_size
        other.iterations = self.iterations * self._batch_size // batch_size
        return other

    def __enter__(self) -> "Epochs":
        return self

    def __exit__(self, *error: object) -> None:
        self._loader.close()

    def batches(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield batches of an epoch from number `first` on, on the run's device.

        Each is uint8 (B, T, H, W, 3), which the next one overwrites, and with `beside` its stacks (B, ...).
        """
        device = self._run.device
        rng = np.random.default_rng(seed_of(self._run.seed, self._purpose, epoch))
        chosen = shuffled_batches(draw_clips(*self._clips, rng), self._batch_size, rng)[first:]
        for clips, frames in zip(chosen, self._loader.batches(chosen), strict=True):
            own = _stacked([self._beside(*clip) for clip in clips]) if self._beside else ()
            if device.type == "cpu":
                yield frames, *own
                continue
            there = frames.to(device, non_blocking=True), *carried(own, device)
            copied = torch.cuda.Event()
            copied.record(torch.cuda.current_stream(device))
            yield there
            copied.synchronize()  # long since, an iteration ago; the loader now writes where the frames lay


def _stacked(own: list[Tensor | tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Of each clip a tensor, or several, as stacks."""
    each = [some if isinstance(some, tuple) else (some,) for some in own]
    return tuple(map(torch.stack, zip(*each, strict=True)))


def shuffled_batches(clips: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """This process's part of every whole batch of shuffled clips (n, 2), int64 (iterations, B, 2).

    Args:
        batch_size: clips of all processes together; what is left over is dropped.
    """
    iterations = len(clips) // batch_size
    chosen = rng.permutation(clips)[: iterations * batch_size].reshape(iterations, batch_size, 2)
    return chosen[:, distributed.local_slice(batch_size)]
