"""Spatial tokens of a stream of tubelets. On a CPU every core has a chunk of its own.

Letters: n tubelets of a chunk, D width.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from comedian.data.augment import to_input
from comedian.devices import has_bf16
from comedian.models.packed import fastest
from comedian.models.spatial import SpatialEncoder
from comedian.models.spotter import Spotter

Beside = TypeVar("Beside")


def chunk_tokens(device: torch.device) -> int:
    """Tubelets that pass together: few on a CPU, so that what a layer makes of them stays in its cache."""
    return 8 if device.type == "cpu" else 64


def encode_stream(
    chunks: Iterable[tuple[list[float], np.ndarray]], spotters: Sequence[Spotter], device: torch.device
) -> Generator[tuple[list[float], list[Tensor]], None, None]:
    """Yield each chunk's times, and the tokens (n, D) that each spotter's spatial half makes of it.

    Args:
        chunks: (times, uint8 tubelets (n, 2, H, W, 3)).
        spotters: on `device`, in eval mode.
    """
    encoders = [partial(_encode, spotter, fastest(spotter.spatial, device), device) for spotter in spotters]
    yield from in_threads(chunks, encoders, device)


def in_threads(
    chunks: Iterable[tuple[Beside, np.ndarray]],
    encoders: Sequence[Callable[[np.ndarray], Tensor]],
    device: torch.device,
) -> Generator[tuple[Beside, list[Tensor]], None, None]:
    """Yield what comes beside each chunk, and what each encoder makes of it, in order."""
    num_threads = torch.get_num_threads()
    workers = num_threads if device.type == "cpu" else 1
    pool = ThreadPoolExecutor(workers, "encode", torch.set_num_threads, (1,))
    waiting: deque = deque()

    def oldest() -> tuple[Beside, list[Tensor]]:
        beside, futures = waiting.popleft()
        return beside, [future.result() for future in futures]

    try:
        for beside, frames in chunks:
            waiting.append((beside, [pool.submit(encode, frames) for encode in encoders]))
            if len(waiting) > workers:
                yield oldest()
        while waiting:
            yield oldest()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(num_threads)  # MKL has one number for all threads


@torch.inference_mode()
def _encode(spotter: Spotter, spatial: SpatialEncoder, device: torch.device, frames: np.ndarray) -> Tensor:
    """In half precision where a card has it: it is nearly all of the work, the temporal half is not."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(device)
    size = spotter.recipe.image_size
    video = to_input(pixels, size, spotter.mean, spotter.std)  # (n, 3, 2, h, w)
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        return spatial.encode(video).float().cpu()
