"""MoCo's slow twin and its queue of keys (section 3.2, Eq. 1-2).

Letters: M keys in the queue, N new keys, K width of a key.
"""

import math
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MomentumTwin(nn.Module):
    """A frozen copy, `module`, that follows an online network as an exponential moving average."""

    def __init__(self, online: nn.Module):
        super().__init__()
        self._online = (online,)  # in a tuple, so that its parameters are not the twin's own
        self.module = deepcopy(online).requires_grad_(False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the copy makes of the inputs."""
        return self.module(*inputs)

    @torch.no_grad()
    def update(self, momentum: float) -> None:
        """Parameters become momentum × own + (1 − momentum) × online; buffers are copied."""
        (online,) = self._online
        mine: list[Tensor] = list(self.module.parameters())
        theirs: list[Tensor] = list(online.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - momentum)
        for buffer, source in zip(self.module.buffers(), online.buffers(), strict=True):
            buffer.copy_(source)


def ema_momentum(iteration: int, total: int, start: float) -> float:
    """Momentum after an iteration of so many: from `start` to 1 by a cosine (the authors' code)."""
    return 1 - (1 - start) * (1 + math.cos(math.pi * iteration / total)) / 2


class KeyQueue(nn.Module):
    """The last M keys, first in first out; it starts with random unit keys and is saved with the state."""

    keys: Tensor  # (M, K)
    oldest: Tensor  # int64, row that goes next

    def __init__(self, size: int, width: int, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        keys = torch.randn(size, width, generator=generator, device="cpu")
        self.register_buffer("keys", F.normalize(keys, dim=1))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.int64))

    def snapshot(self) -> Tensor:
        """A copy of the keys (M, K), which later pushes leave alone; rows in no particular order."""
        return self.keys.clone()

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Let keys (N, K) replace the N oldest; of more than M keys the last M stay."""
        size, number = len(self.keys), len(keys)
        newest = torch.arange(max(number - size, 0), number, device=keys.device)
        self.keys[(self.oldest + newest) % size] = keys[newest].to(self.keys.dtype)
        self.oldest.copy_((self.oldest + number) % size)
