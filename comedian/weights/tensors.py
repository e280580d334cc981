"""Weights files of others: tensors by name, from safetensors or torch's archive. No pickled code runs."""

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from comedian.errors import InputError, some_of

SHOWN = 4  # names in an error
FORCE, FORBID = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
WRAPPERS = ("model", "state_dict")  # under which training programs keep the tensors
SETTINGS = (
    "omegaconf.",
    "lightning.",
    "lightning_fabric.",
    "pytorch_lightning.",
)  # skipped
PLAIN = frozenset(  # that settings are pickled with
    "typing.Any collections.defaultdict builtins.bool builtins.dict builtins.float builtins.int "
    "builtins.list builtins.str builtins.tuple pathlib.Path pathlib.PosixPath pathlib.WindowsPath".split()
)


class _Skipped:
    """Stands in for a training program's setting beside the tensors; it keeps and does nothing."""

    def __new__(cls, *_):
        return super().__new__(cls)

    def __init__(self, *_):
        pass

    def __setstate__(self, _):
        pass


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a weights file, by name, on the CPU; also those of a Lightning checkpoint.

    Raises:
        InputError: no such file, it is not one of tensors, or it holds objects of unknown code, which is
            never run.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such weights file", path, "check the path")
    try:
        state = safetensors.torch.load_file(path) if is_safetensors(path) else _archive(path)
    except InputError:
        raise
    except Exception:  # a damaged file fails in any way there is
        raise InputError("is not a readable file of tensors", path, "save a state_dict") from None
    for wrapper in WRAPPERS:
        state = state.get(wrapper, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError("holds more than tensors by name", path, "save a state_dict")
    return state


@contextmanager
def weights_only() -> Iterator[None]:
    """Whatever other libraries load with torch meanwhile, no pickled code of it runs.

    The variables are torch's own (`torch.load`); the first holds also where a caller asks for more.
    """
    before = {name: os.environ.pop(name, None) for name in (FORCE, FORBID)}
    os.environ[FORCE] = "1"
    try:
        yield
    finally:
        del os.environ[FORCE]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def check_names(wanted: Iterable[str], found: Iterable[str], source: str | Path, remedy: str) -> None:
    """Raise InputError, with the first names, unless there are the wanted tensors and no others."""
    missing, unexpected = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unexpected:
        parts = [f"lacks {some_of(missing, SHOWN)}"] if missing else []
        parts += [f"has {some_of(unexpected, SHOWN)} too many"] if unexpected else []
        raise InputError(" and ".join(parts), source, remedy)


def check_finite(tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Raise InputError, with the first name, where weights are NaN or infinite."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            what = f"its {name} holds NaN or infinity"
            raise InputError(
                what, source, "make or copy it again; if its training diverged, lower the learning rate"
            )


def is_safetensors(path: str | Path) -> bool:
    """Whether a file begins as safetensors do: eight bytes of length, then JSON."""
    return _start(path)[8:9] == b"{"


def is_archive(path: str | Path) -> bool:
    """Whether a file begins as those of torch.save do: a zip archive, or a pickle (before torch 1.6)."""
    return not is_safetensors(path) and _start(path)[:2] in (b"PK", b"\x80\x02")


def _start(path: str | Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(9)


def _archive(path: Path):
    if not zipfile.is_zipfile(path):
        return torch.load(path, map_location="cpu", weights_only=True)
    unknown = get_unsafe_globals_in_checkpoint(path)
    for name in unknown:
        if name not in PLAIN and not name.startswith(SETTINGS):
            raise InputError(f"holds {name}, whose code is not run", path, "save its state_dict alone")
    with safe_globals([(_Skipped, name) for name in unknown]):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
