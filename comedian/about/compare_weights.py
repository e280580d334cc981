"""How the tensors of two weights files differ."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from comedian.about.compare import reach
from comedian.about.difference import Difference
from comedian.formats.exported import is_exported, read_exported_tensors
from comedian.weights.load import current_name
from comedian.weights.tensors import is_safetensors, read_tensors


def weights(one: Path, other: Path) -> Iterator[Difference]:
    """Tensors that only one has or that differ in shape, and the largest difference of each part."""
    with _tensors(one) as left, _tensors(other) as right:
        for names, place in ((left.keys() - right.keys(), one), (right.keys() - left.keys(), other)):
            if names:
                yield Difference(f"tensors only in {place}", value=sorted(names))
        largest: dict[str, tuple[float, str]] = {}
        for name in sorted(left.keys() & right.keys()):
            first, second = left[name], right[name]
            if first.shape != second.shape:
                yield Difference(f"shape of {name}", list(first.shape), list(second.shape))
            elif apart := reach(first.float().numpy(), second.float().numpy()):
                part = name.split(".")[0]
                largest[part] = max(largest.get(part, (0.0, "")), (apart, name))
        for part, (apart, name) in largest.items():
            yield Difference(f"largest difference of {part}", value=f"{apart:.6g} in {name}")


class _Stored(Mapping[str, Tensor]):
    """Tensors of a safetensors file by their names of today, each read when it is asked for."""

    def __init__(self, file: Any):
        self._file, self._names = file, {current_name(name): name for name in file.keys()}  # noqa: SIM118

    def __getitem__(self, name: str) -> Tensor:
        return self._file.get_tensor(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@contextmanager
def _tensors(path: Path) -> Iterator[Mapping[str, Tensor]]:
    """The tensors of a weights file of anybody's, by name."""
    if is_exported(path):
        yield {name: torch.tensor(array) for name, array in read_exported_tensors(path).items()}
        return
    if not is_safetensors(path):
        yield read_tensors(path)
        return
    with safe_open(path, framework="pt") as file:
        yield _Stored(file)
