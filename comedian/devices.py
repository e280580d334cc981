"""Which device is taken, in which precision, and why.

A card is left alone that torch has no code for: its wheels hold code for some compute capabilities alone,
and every kernel would fail. Products are bfloat16 only where a card has it in hardware (from 8.0 on);
before, it is emulated and slower than float32. Of CPUs that have it some are slower, too: training tries
them (`comedian.training.precision`), everything else stays with float32.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from comedian.errors import InputError

NATIVE_BF16 = 8, 0  # the compute capability from which bfloat16 is in hardware: Ampere
AS_SAID, EMULATED = "as the recipe says", "for bfloat16 is emulated there"  # reasons of a precision
CPU_INFO = Path("/proc/cpuinfo")  # Linux
CPU_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}  # its flags of x86, and of ARM


def pick_device(name: str) -> torch.device:
    """The device that a name means: "auto" (CUDA if a card there runs), "cpu", "cuda" or "cuda:N".

    Raises:
        InputError: the name is another one, this machine has no such device, or torch has no code for it.
    """
    if name == "auto":
        number = next((number for number in _cards() if has_code(number)), None)
        return torch.device("cpu" if number is None else "cuda" if number == 0 else f"cuda:{number}")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise InputError(f"unknown device {name!r}", "--device", "use auto, cpu, cuda or cuda:N")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"this machine has no device {name!r}", "--device", "use auto or cpu")
    if device.type == "cuda" and not has_code(device.index or 0):
        raise InputError(_no_code(device.index or 0), "--device", "use auto or cpu, or another torch")
    return device


def has_code(number: int) -> bool:
    """Whether this torch runs on a card: it has code of its generation, or code to translate for it."""
    kinds = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", kind) for kind in torch.cuda.get_arch_list()]
    if not any(kinds):
        return True  # ROCm names its cards otherwise
    major, minor = torch.cuda.get_device_capability(number)
    found = [(kind[1], int(kind[2]), int(kind[3])) for kind in kinds if kind]
    own = any(kind == "sm" and its == major and least <= minor for kind, its, least in found)
    return own or any(kind == "compute" and (its, least) <= (major, minor) for kind, its, least in found)


def has_bf16(device: torch.device) -> bool:
    """Whether products are fast in bfloat16 there."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= NATIVE_BF16


def cpu_has_bf16() -> bool:
    """Whether this machine's processor has instructions for bfloat16, fast or not; False where unknown."""
    with suppress(OSError):
        for line in CPU_INFO.read_text(errors="replace").splitlines():
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return not CPU_BF16.isdisjoint(flags.split())
    return False


@contextmanager
def rough_products(device: torch.device) -> Iterator[None]:
    """Within a block float32 products are TF32 on cards that have it, from 8.0 on.

    Its 10 bits are enough for pixels, which have 8. It holds for the whole process, of which one thread
    starts what a card computes. A CPU's products stay as they are.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def describe(asked: str, device: torch.device, precision: str = "auto", why: str | None = None) -> str:
    """One line: the device, the precision of its products, and why.

    Args:
        asked: the name that `pick_device` was given.
        precision: "auto", "bf16" or "fp32".
        why: the reason of the precision; None for what the device tells.
    """
    half = precision == "bf16" or (precision == "auto" and has_bf16(device))
    kind = "bfloat16" if half else "float32"
    if why is None and precision != "auto":
        why = AS_SAID
    elif why is None and device.type == "cuda" and not half:
        why = EMULATED
    if why:
        kind += f" {why}" if why.startswith("as ") else f", {why}"
    if device.type == "cuda":
        return f"on {torch.cuda.get_device_name(device)}, {kind}"
    if asked != "auto":
        return f"on the CPU, {kind}"
    left = [_no_code(number) for number in _cards()]
    return f"on the CPU, {kind}; {'; '.join(left) if left else 'there is no CUDA device'}"


def has_cards() -> bool:
    """Whether this machine has a card that torch sees, with code for it or without."""
    return bool(_cards())


def _cards() -> range:
    return range(torch.cuda.device_count() if torch.cuda.is_available() else 0)


def _no_code(number: int) -> str:
    major, minor = torch.cuda.get_device_capability(number)
    name = torch.cuda.get_device_name(number)
    return f"torch {torch.__version__} has no code for {name} (compute capability {major}.{minor})"


def device_bytes(device: torch.device) -> int:
    """Memory of a card, or of this machine."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return machine_bytes()


def machine_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
