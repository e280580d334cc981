"""The tokens file (HDF5): what a frozen spatial encoder makes of every second of a half, computed once.

It lies beside the frames file it was made from, `1_224p.3f09ab….tokens` beside `1_224p.h5`, one for each
view and encoder; who deletes it loses minutes. The one dataset is `features`, float16 (L, D'); the root's
attribute `key`, with which the name begins to say it, tells what it was made from.
Letters: L tokens of a half, D' width of a feature.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from comedian.errors import InputError
from comedian.formats.handles import identity_of, read_at
from comedian.formats.hdf5 import Kind, attributes_of, new_hdf5, open_hdf5

KIND = Kind("tokens file", "comedian tokens", 1, "finetune --frozen")
SUFFIX = ".tokens"  # no suffix of frames files, so that a folder's halves stay the same
KEY_LETTERS = 12
ITEM = np.dtype("<f2")


def tokens_path(frames: str | Path, key: str) -> Path:
    """Where the tokens of a frames file lie that were made from just that."""
    return Path(frames).with_suffix(f".{key[:KEY_LETTERS]}{SUFFIX}")


def write_tokens(path: str | Path, features: np.ndarray, key: str) -> None:
    """Write features (L, D'), whole or not at all.

    Raises:
        InputError: one is no number, or none of half precision.
    """
    with np.errstate(over="ignore"):
        stored = features.astype(ITEM)
    if not np.isfinite(stored).all():
        raise InputError("the encoder's features are beyond half precision, or no numbers", path)
    with new_hdf5(path, KIND, stored.nbytes) as file:
        file.attrs["key"] = key
        file.create_dataset("features", data=stored)


@dataclass(frozen=True)
class Attributes:
    """What the root carries."""

    key: str


class TokensFile:
    """A tokens file, open for reading in any thread.

    Attributes:
        key: what it was made from, in brief.
        shape: (L, D').

    Raises:
        InputError: missing, damaged, cut short, no tokens file, or of a newer version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with open_hdf5(path, KIND) as file:
            self.key = attributes_of(file, Attributes, path, KIND.maker).key
            data = file["features"]
            self.shape: tuple[int, int] = data.shape
            begin = data.id.get_offset()
            if begin is None or data.dtype != ITEM or len(self.shape) != 2 or not all(self.shape):
                raise ValueError("its features are not as they should be")
            self._begin = begin
        if self.path.stat().st_size < self._begin + ITEM.itemsize * int(np.prod(self.shape)):
            raise InputError("is cut short", path, f"make it again with {KIND.maker}")
        self._identity = identity_of(self.path)

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, first: int, number: int) -> np.ndarray:
        """The features of some tokens, float16 (number, D').

        Raises:
            InputError: the file was cut short or replaced since it was opened.
        """
        length, width = self.shape
        assert 0 <= first <= first + number <= length, (first, number, length)
        row = ITEM.itemsize * width
        data = read_at(self.path, self._identity, self._begin + row * first, row * number)
        return np.frombuffer(data, ITEM).reshape(number, width).copy()  # of our own, to write to


def whole_tokens_file(path: str | Path, key: str) -> TokensFile | None:
    """The tokens file at `path` if it is whole and was made from just that."""
    try:
        file = TokensFile(path)
    except InputError:
        return None
    return file if file.key == key else None
