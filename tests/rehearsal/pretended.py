"""A CUDA device that is not there.

    with pretended_card() as asked:
        stage(device="cuda")
    asked.kernels, asked.waits, asked.copies

A tensor on the card is a `Card` that holds its numbers in CPU memory. Numbers come out as the CPU makes
them, to be compared with a run on the CPU. What a card refuses raises: tensors of both devices in one
operation, a CPU generator for a draw on the card, `.numpy()` of a tensor there. Counted are operations a
card starts a kernel for, copies over the bus, and how often the host waits: for copies that are not from or
to page-locked memory, or not said to be `non_blocking`, and with questions about what the card found.

Not seen: mixed precision (a rehearsal is in float32), memory, streams, speed, and the kernels themselves.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import clip_grad
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
CARD, CPU = torch.device("cuda", 0), torch.device("cpu")
HERE = f"{Path(__file__).parents[2] / 'comedian'}/"
QUESTIONS = {  # the host must know what the card found
    aten._local_scalar_dense.default: "item()",
    aten.nonzero.default: "nonzero()",
    aten.masked_select.default: "masked_select()",
    aten._unique2.default: "unique()",
    aten.bincount.default: "bincount()",
    aten.equal.default: "equal()",
}
NO_KERNEL = {
    aten.empty.memory_format,
    aten.empty_strided.default,
    aten.empty_like.default,
    aten.new_empty.default,
    aten.new_empty_strided.default,
    aten._local_scalar_dense.default,
    aten.lift_fresh.default,
    aten.detach.default,
    aten._unsafe_view.default,
}
PRODUCTS = {aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default}
INDEXED = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}


class Card(torch.Tensor):
    """A tensor that says it lies on the card; `numbers` is what it holds."""

    @staticmethod
    def __new__(cls, numbers):
        made = torch.Tensor._make_subclass(cls, numbers.detach(), False, device_for_backend_keys=CARD)
        made.numbers = numbers
        return made

    device = property(lambda self: CARD)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)
    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self):
        return f"Card({self.numbers})"

    def get_device(self):
        return 0

    def numpy(self, *_, **__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")

    def __array__(self, *_, **__):
        self.numpy()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} of a tensor on the card, outside of pretended_card()")


@dataclass
class Asked:
    """What the card was asked for, by operation, or by place in our code."""

    kernels: Counter = field(default_factory=Counter)
    waits: Counter = field(default_factory=Counter)  # waiting copies are among them
    copies: Counter = field(default_factory=Counter)
    rough: Counter = field(default_factory=Counter)  # products that a real card would do in TF32

    def totals(self) -> tuple[int, int, int]:
        """Kernels, waits, copies so far."""
        return self.kernels.total(), self.waits.total(), self.copies.total()


class _Operations(TorchDispatchMode):
    """Below autograd: may these tensors meet? Then the CPU does it."""

    def __init__(self):
        super().__init__()
        self.asked, self.locked = Asked(), {}  # storages in page-locked memory, held so that none is reused

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        there = any(on_card(x) for x in tensors)
        goes_there = kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda"
        locks = kwargs.pop("pin_memory", None)
        if not there and not goes_there:
            made = func(*args, **kwargs)
            return self.lock(made) if locks else made
        if func is aten.copy_.default:
            return self._copy_into(*args, **kwargs)
        if func is aten._to_copy.default and not there:
            return self.carry(args[0], kwargs.get("dtype"), CARD, kwargs.get("non_blocking", False))
        self._check(func, tree_leaves((args, kwargs)), tensors, there)
        self._count(func, args, there)
        if "device" in kwargs:
            kwargs["device"] = CPU
        made = _on_cpu(func, tree_map(numbers_of, args), tree_map(numbers_of, kwargs))
        return _as_card(func, args, kwargs, made)

    def _check(self, func, leaves, tensors, there):
        if any(isinstance(x, torch.Generator) and x.device.type == "cpu" for x in leaves):
            raise RuntimeError(f"{func}: expected a 'cuda' device type for generator but found 'cpu'")
        strangers = [x for x in tensors if not on_card(x)] if there else []
        if func in INDEXED:  # an index on the CPU is carried there first
            indices = [x for x in strangers if not x.is_floating_point()]
            for index in indices:
                self._note("index", index, waits=True)
            strangers = [x for x in strangers if all(x is not index for index in indices)]
        takes_numbers = (
            torch.Tag.pointwise in func.tags
            or "foreach" in str(func)
            or func in (*INDEXED, aten.fill_.Tensor)
        )
        if strangers and not (takes_numbers and all(x.ndim == 0 for x in strangers)):
            shapes = ", ".join(str(tuple(x.shape)) for x in strangers)
            raise RuntimeError(
                f"{func}: expected all tensors to be on the same device, but found at least two devices, "
                f"cuda:0 and cpu! (on the CPU: {shapes})"
            )

    def _count(self, func, args, there):
        if there and func in QUESTIONS:
            self.asked.waits[f"{QUESTIONS[func]} {_place()}"] += 1
        if func in INDEXED and any(x is not None and x.dtype == torch.bool for x in args[1]):
            self.asked.waits[f"mask as index {_place()}"] += 1
        if func in PRODUCTS and torch.get_float32_matmul_precision() != "highest":
            self.asked.rough[_place()] += 1
        if not func.is_view and func not in NO_KERNEL:
            self.asked.kernels[str(func)] += 1

    def _copy_into(self, target, source, non_blocking=False):
        if on_card(target) != on_card(source):
            self._note("copy", source, not (non_blocking and self.is_locked(target, source)))
        else:
            self.asked.kernels["aten.copy_.default"] += 1
        numbers_of(target).copy_(numbers_of(source))
        return target

    def carry(self, source, dtype, device, non_blocking):
        """A copy on the other device."""
        self._note("copy", source, not (non_blocking and self.is_locked(source)))
        with _disable_current_modes():
            made = numbers_of(source).detach().to(dtype or source.dtype, copy=True)
        return Card(made) if device.type == "cuda" else made

    def lock(self, tensor):
        """Page-locked from now on."""
        storage = tensor.untyped_storage()
        self.locked[storage.data_ptr()] = storage
        return tensor

    def is_locked(self, *tensors):
        """Whether the one of them that lies on the CPU is page-locked."""
        with _disable_current_modes():
            return any(not on_card(x) and x.untyped_storage().data_ptr() in self.locked for x in tensors)

    def _note(self, what, tensor, waits):
        place = (
            f"{what} of {tuple(tensor.shape)} {'from' if on_card(tensor) else 'to'} the card, {_place()}"
        )
        self.asked.copies[place] += 1
        self.asked.waits[place] += waits


class _Calls(TorchFunctionMode):
    """Above autograd: devices as Python names them."""

    def __init__(self, operations):
        super().__init__()
        self.operations = operations

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if func in (torch.Tensor.to, torch.Tensor.cpu, torch.Tensor.cuda):
            return self._to(name, *args, **kwargs)
        if func is torch.Tensor.tolist and on_card(args[0]):
            self.operations.asked.waits[f"tolist() {_place()}"] += 1
        if func is torch.Tensor.pin_memory:
            return self.operations.lock(args[0].clone())
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda":
            if name in ("tensor", "as_tensor"):
                kwargs.pop("device")
                return self._to("cuda", func(*args, **kwargs))
            kwargs["device"] = CARD
        return func(*args, **kwargs)

    def _to(self, name, tensor, *args, **kwargs):
        if name != "to":
            args = (CPU if name == "cpu" else CARD,)
        if args and isinstance(args[0], torch.Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        device, dtype, non_blocking, _ = torch._C._nn._parse_to(*args, **kwargs)
        device = tensor.device if device is None else CARD if device.type == "cuda" else device
        dtype = dtype or tensor.dtype
        if device.type not in ("cpu", "cuda"):
            return tensor.to(*args, **kwargs)
        if device != tensor.device:
            return _Carried.apply(self.operations, tensor, dtype, device, non_blocking)
        if not on_card(tensor):
            return tensor.to(*args, **kwargs)
        same = dtype == tensor.dtype and not kwargs.get("copy")
        return tensor if same else aten._to_copy.default(tensor, dtype=dtype)


class _Carried(torch.autograd.Function):
    """To the other device, and gradients back."""

    @staticmethod
    def forward(ctx, operations, source, dtype, device, non_blocking):
        ctx.back = operations, source.dtype, source.device, False
        return operations.carry(source, dtype, device, non_blocking)

    @staticmethod
    def backward(ctx, gradient):
        operations, *back = ctx.back
        return None, _Carried.apply(operations, gradient, *back), None, None, None


class _Event:
    """torch.cuda.Event, of which nothing is asked."""

    def record(self, *_):
        """A place in the stream."""

    def synchronize(self):
        """Until the card is there."""


def on_card(x) -> bool:
    """Whether it is a tensor on the card."""
    return isinstance(x, Card)


def numbers_of(x):
    """What a tensor holds, on the CPU; anything else as it is."""
    return x.numbers if on_card(x) else x


def _on_cpu(func, args, kwargs):
    if func is not aten.mm.dtype:
        return func(*args, **kwargs)
    a, b, dtype = args  # a product of 16 bits with sums of 32, which only cards have
    assert a.dtype == b.dtype, f"a product of {a.dtype} and {b.dtype}"
    return a.to(dtype) @ b.to(dtype)


def _as_card(func, args, kwargs, made):
    """Results as tensors on the card; those that were written into stay the very tensors they were."""
    schema = func._schema.arguments
    written = {argument.name for argument in schema if argument.alias_info and argument.alias_info.is_write}
    named = [*zip((argument.name for argument in schema), args, strict=False), *kwargs.items()]
    leaves = [x for name, value in named if name in written for x in tree_leaves(value) if on_card(x)]
    known = {id(x.numbers): x for x in leaves}

    def there(x):
        return known.get(id(x)) if id(x) in known else Card(x) if isinstance(x, torch.Tensor) else x

    return tree_map(there, made)


def _place() -> str:
    """Where in our code this is."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith(HERE):
            name = frame.f_code.co_filename.removeprefix(HERE)
            return f"{name}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
    return "torch"


def _attend(operations, attend):
    """One kernel, whichever it is."""

    def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **more):
        if not on_card(query):
            return attend(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, **more)
        assert attn_mask is None or on_card(attn_mask), "the attention mask lies on the CPU"
        before = operations.asked.kernels.copy()
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        read = (scores if attn_mask is None else scores + attn_mask).softmax(-1) @ value
        operations.asked.kernels = before + Counter({"attention": 1})
        return read

    return attention


def _module_to(real):
    """Parameters stay who they are; nothing else does it so, loading weights least of all."""

    def to(module, *args, **kwargs):
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            return real(module, *args, **kwargs)
        finally:
            torch.__future__.set_swap_module_params_on_conversion(False)

    return to


@contextmanager
def pretended_card() -> Iterator[Asked]:
    """Let there be one card; yields what it is asked for."""
    operations = _Operations()
    grouping = clip_grad._group_tensors_by_device_and_dtype

    def grouped(lists, *args, **kwargs):
        found = grouping(lists, *args, **kwargs)
        return {
            (CARD if on_card(lists[0][0][0]) else key[0], key[1]): lists for key, lists in found.items()
        }

    kinds = [*optimizer._foreach_supported_types, Card]
    replaced = [
        *((torch.cuda, name, lambda *_, **__: 1) for name in ("device_count", "is_available")),
        *(
            (torch.cuda, name, lambda *_, **__: None)
            for name in ("_lazy_init", "set_device", "synchronize")
        ),
        (torch.cuda, "current_device", lambda: 0),
        (torch.cuda, "current_stream", lambda *_: None),
        (torch.cuda.amp.common, "amp_definitely_not_available", lambda: True),  # all in float32
        (torch.cuda, "get_device_capability", lambda *_: (9, 0)),
        (torch.cuda, "get_rng_state", lambda *_: torch.get_rng_state()),
        (torch.cuda, "set_rng_state", lambda state, *_: torch.set_rng_state(state)),
        (torch.cuda, "Event", _Event),
        (nn.Module, "to", _module_to(nn.Module.to)),
        (F, "scaled_dot_product_attention", _attend(operations, F.scaled_dot_product_attention)),
        (clip_grad, "_group_tensors_by_device_and_dtype", grouped),
        (optimizer, "_foreach_supported_types", kinds),
    ]
    with ExitStack() as stack:
        for target, name, value in replaced:
            stack.enter_context(mock.patch.object(target, name, value))
        for name in ("_cuda_graph_capture_health_check", "_accelerator_graph_capture_health_check"):
            if hasattr(optimizer.Optimizer, name):
                stack.enter_context(mock.patch.object(optimizer.Optimizer, name))
        stack.enter_context(operations)
        stack.enter_context(_Calls(operations))
        yield operations.asked
