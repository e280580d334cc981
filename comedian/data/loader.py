"""Batches of decoded clips.

A clip is a run of consecutive frames of one half, given as (half index, first frame).
Letters: B clips of a batch, T frames of a clip, H height, W width.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import torch

from comedian.formats.frames import FramesFile
from comedian.video.parallel import own_cores

WORKERS = 2  # beside a CPU, whose cores compute


def decoding_threads(device: torch.device) -> int:
    """How many threads decode unless told: beside a GPU the cores, shared by this machine's processes."""
    return own_cores() if device.type == "cuda" else WORKERS


class ClipLoader:
    """Decodes batches of clips ahead of their use, on a pool of threads, into two reused buffers."""

    def __init__(self, halves: Sequence[FramesFile], num_frames: int, workers: int, pin: bool = False):
        """`workers` threads decode JPEG; `pin` keeps the buffers in page-locked memory (CUDA)."""
        self.halves, self.num_frames, self.pin = halves, num_frames, pin
        self.pool = ThreadPoolExecutor(max(workers, 1))
        self._buffers: list[torch.Tensor] = []  # kept from epoch to epoch: their pages cost time

    def batches(self, batches: Sequence[np.ndarray] | np.ndarray) -> Iterator[torch.Tensor]:
        """Yield uint8 (B, T, H, W, 3) for each array of clips (B, 2).

        A yielded tensor is overwritten when the next one is asked for: copy what must live longer. The
        buffers serve one such iteration after the other, not two at once.
        """
        buffers = self._ready(min(2, len(batches)), max(map(len, batches)))
        decoding = deque([self._submit(batches[0], buffers[0])])
        try:
            for number, clips in enumerate(batches):
                if number + 1 < len(batches):
                    decoding.append(self._submit(batches[number + 1], buffers[(number + 1) % 2]))
                for future in decoding[0]:
                    future.result()
                decoding.popleft()
                yield buffers[number % 2][: len(clips)]
        finally:  # nothing may write into the buffers any more
            left = [future for futures in decoding for future in futures if not future.cancel()]
            wait(left)

    def close(self) -> None:
        """Stop the threads; what is not begun is dropped."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, clips: np.ndarray, buffer: torch.Tensor) -> list[Future]:
        pixels = buffer.numpy()
        return [
            self.pool.submit(self._decode, int(half), int(start), pixels[row])
            for row, (half, start) in enumerate(clips)
        ]

    def _decode(self, half: int, start: int, out: np.ndarray) -> None:
        self.halves[half].read(range(start, start + self.num_frames), out=out)

    def _ready(self, count: int, size: int) -> list[torch.Tensor]:
        """So many buffers for at least `size` clips each."""
        if len(self._buffers) < count or len(self._buffers[0]) < size:
            shape = (size, self.num_frames, self.halves[0].height, self.halves[0].width, 3)
            self._buffers = [
                torch.empty(shape, dtype=torch.uint8, pin_memory=self.pin) for _ in range(count)
            ]
        return self._buffers
