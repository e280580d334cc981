"""What a network keeps of a clip for the way back, reckoned from shapes: nothing is computed.

The network is walked through on torch's `meta` device, as mixed precision on CUDA has it: products in
bfloat16, norms in float32, attention in one kernel, which keeps its inputs and what it read, no scores.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from comedian.models.recompute import blocks_of

LOWERED = frozenset("linear conv1d conv2d conv3d matmul __matmul__ mm bmm addmm baddbmm".split())
RAISED = frozenset("layer_norm group_norm softmax".split())
ALIGNED = 8  # numbers that a row of an attention mask is a multiple of


@dataclass(frozen=True)
class Kept:
    """Bytes for the way back, of one clip.

    Attributes:
        whole: all that is kept.
        inputs: with blocks computed again.
        block: inside of the largest block.
    """

    whole: int
    inputs: int
    block: int


def kept(network: nn.Module, clip: tuple[int, ...], call: Callable[[Tensor], Any], half: bool) -> Kept:
    """What a network on the `meta` device keeps of a clip.

    Args:
        clip: shape of the network's input for one clip, float32.
        call: what is done with inputs (clips, ...).
        half: whether in mixed precision.
    """
    one, two = (
        _Walk.of(network, torch.empty(number, *clip, device="meta"), call, half) for number in (1, 2)
    )
    blocks = [two.blocks[name] - one.blocks[name] for name in two.blocks]
    return Kept(two.whole - one.whole, two.inputs - one.inputs, max(blocks, default=0))


@dataclass
class _Walk:
    """What was kept on one way through a network: bytes of storages by address, and by block."""

    storages: dict[int, Any] = field(default_factory=dict)  # held, so that no address comes twice
    outside: set[int] = field(default_factory=set)  # kept by others than blocks, or entering one
    blocks: Counter[int] = field(default_factory=Counter)
    seen: set[tuple[int, int]] = field(default_factory=set)
    block: int | None = None

    @classmethod
    def of(cls, network: nn.Module, clips: Tensor, call: Callable[[Tensor], Any], half: bool) -> "_Walk":
        walk = cls()
        handles = [handle for block in blocks_of(network) for handle in walk._watch(block)]
        with torch.autograd.graph.saved_tensors_hooks(walk._keep, lambda tensor: tensor), _AsOnCuda(half):
            call(clips)
        for handle in handles:
            handle.remove()
        return walk

    @property
    def whole(self) -> int:
        return sum(storage.nbytes() for storage in self.storages.values())

    @property
    def inputs(self) -> int:
        return sum(self.storages[address].nbytes() for address in self.outside)

    def _watch(self, block: nn.Module) -> tuple[RemovableHandle, RemovableHandle]:
        def enter(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._keep(inputs[0])
            self.block = id(module)

        def leave(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self.block = None

        return block.register_forward_pre_hook(enter), block.register_forward_hook(leave)

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        address = storage._cdata
        self.storages[address] = storage
        if self.block is None:
            self.outside.add(address)
        elif (self.block, address) not in self.seen:
            self.seen.add((self.block, address))
            self.blocks[self.block] += storage.nbytes()
        return tensor


class _AsOnCuda(TorchFunctionMode):
    """Types as CUDA's mixed precision casts them, and fused attention."""

    def __init__(self, half: bool):
        super().__init__()
        self.half = half

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            query, key, value, *_ = (self._as(torch.bfloat16, x) for x in args[:3])
            return _Attention.apply(query, key, value, self._as(torch.bfloat16, kwargs.get("attn_mask")))
        kind = torch.bfloat16 if name in LOWERED else torch.float32 if name in RAISED else None
        if kind is not None:
            args = [self._as(kind, x) for x in args]
            kwargs = {key: self._as(kind, x) for key, x in kwargs.items()}
        return func(*args, **kwargs)

    def _as(self, kind: torch.dtype, value: Any) -> Any:
        floats = isinstance(value, Tensor) and value.is_floating_point()
        return value.to(kind) if floats and self.half else value


class _Attention(torch.autograd.Function):
    """A read that keeps what flash attention keeps, and a mask where each row has one of its own."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        rows, heads, queries, width = query.shape
        read = query.new_empty(rows, queries, heads, width).transpose(1, 2)
        sums = query.new_empty(rows, heads, queries, dtype=torch.float32)
        if mask is not None and len(mask) == rows:
            mask = mask.new_empty(rows, heads, queries, math.ceil(key.shape[2] / ALIGNED) * ALIGNED)
        ctx.save_for_backward(query, key, value, read, sums, mask)
        return read

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        raise NotImplementedError("this read is only reckoned")
