"""Feature files of others: NumPy arrays of floats (m, D), a row for each time."""

from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

from comedian.errors import InputError

MAGIC = b"\x93NUMPY"  # NEP 1
NOT_NPY = (
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    OverflowError,
    RecursionError,
    TokenError,
    BadZipFile,
)


def open_features(path: str | Path) -> np.ndarray:
    """Map a .npy file (m, D) of floats; InputError when it is anything else."""
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except NOT_NPY as error:
        if "Python objects" in str(error):
            raise InputError("holds pickled objects", path, "save floats in rows and columns") from None
        raise InputError(f"is damaged or not a .npy file ({error})", path, "make the file again") from None
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype.kind != "f":
        what = f"{features.dtype} {features.shape}" if isinstance(features, np.ndarray) else "an archive"
        raise InputError(f"holds {what}", path, "give floats in rows and columns, a row for each time")
    if features.size == 0:
        raise InputError("holds no features", path, "leave it out")
    return features
