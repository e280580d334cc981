"""Bank files: a teacher's features of many halves, their times, and their soft targets.

Letters: M rows, K width of a row, D width of the teacher's features, V halves.

HDF5: `features` (M, K), `targets` (M, K), `seconds` (M,) float64; `halves/game`, `half`, `offset`,
`count`, `sha256` (V,); `pca/mean` (D,), `scale` (D,), `components` (K, D), `explained` (K,).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from comedian.errors import InputError
from comedian.formats.hdf5 import Kind, attributes_of, new_hdf5, open_hdf5, read_array
from comedian.recipes.ranges import Fraction, Number, Positive

KIND = Kind("bank", "comedian bank", 1, "build-bank")


@dataclass(frozen=True)
class BankHalf:
    """The rows of one half: `features[offset : offset + count]`.

    Attributes:
        game: name of the game, as `find_games` gives it.
        sha256: of the file (features or frames) that the rows were made from.
    """

    game: str
    half: int
    offset: int
    count: int
    sha256: str


@dataclass(frozen=True)
class Reduction:
    """From a teacher's feature to a bank row: z-score, PCA (`reduced @ components.T`), unit length.

    Attributes:
        mean, scale: (D,) float32 of the z-score.
        components: (K, D) float32.
        explained: (K,) float32, share of the z-scored variance on each component.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    explained: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Unit rows (n, K) float32 of a teacher's features (n, D)."""
        rows = ((features - self.mean) / self.scale).astype(np.float32) @ self.components.T
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class LeftOut:
    """Softmax mass that soft targets from nearest neighbours leave out; all 0 when they are exact.

    Attributes:
        mean, maximum: over the sampled rows.
        sampled: number of rows that were compared with the complete bank.
    """

    mean: float = 0.0
    maximum: float = 0.0
    sampled: int = 0


def write_bank(
    path: str | Path,
    features: np.ndarray,
    targets: np.ndarray,
    seconds: np.ndarray,
    halves: Sequence[BankHalf],
    reduction: Reduction,
    *,
    temperature_m: float,
    neighbours: int | None = None,
    left_out: LeftOut | None = None,
    teacher: str = "",
    provenance: str = "",
) -> None:
    """Write a bank file, whole or absent.

    Args:
        features: (M, K) unit rows, float16 or float32.
        targets: (M, K), the soft-target mean m_i of each row.
        seconds: (M,) float64, time of each row in its half, ascending within a half.
        halves: where each half's rows lie, in order.
    """
    assert features.shape == targets.shape, "one target a row"
    assert len(features) == len(seconds), "one time a row"
    assert sum(half.count for half in halves) == len(features), "halves must cover the rows"
    num_bytes = sum(array.nbytes for array in (features, targets, seconds, *vars(reduction).values()))
    with new_hdf5(path, KIND, num_bytes) as file:
        file["features"], file["targets"], file["seconds"] = features, targets, seconds
        for name in BankHalf.__dataclass_fields__:
            file[f"halves/{name}"] = [getattr(half, name) for half in halves]
        for name, value in vars(reduction).items():
            file[f"pca/{name}"] = value
        for name, value in asdict(left_out or LeftOut()).items():
            file.attrs[f"left_out_{name}"] = value
        file.attrs["temperature_m"], file.attrs["neighbours"] = temperature_m, neighbours or 0
        file.attrs["teacher"], file.attrs["provenance"] = teacher, provenance


@dataclass(frozen=True)
class Attributes:
    """What the root of a bank carries."""

    temperature_m: Positive
    neighbours: Number = 0
    left_out_mean: Fraction = 0.0
    left_out_maximum: Fraction = 0.0
    left_out_sampled: Number = 0
    teacher: str = ""
    provenance: str = ""


class BankTimes:
    """Which halves a bank holds and when their rows are; its features stay in the file.

    Attributes:
        path: the file.
        seconds: (M,) float64, time of each row in its half.
        halves: `BankHalf` of each half.
        temperature_m, neighbours, left_out, teacher, provenance: as of `Bank`.
    """

    def __init__(self, path: str | Path):
        """Read a file; InputError when it is missing, damaged or not a bank."""
        self.path = Path(path)
        with open_hdf5(path, KIND) as file:
            self._read(file)

    def __len__(self) -> int:
        return len(self.seconds)

    def find(self, game: str, half: int) -> BankHalf:
        """A half by its game's name, or by an ending of it (`B` for `A/B`) or a name that ends in it.

        Raises:
            InputError: no game, or more than one, has that name.
        """
        found = [item for item in self.halves if (item.game, item.half) == (game, half)]
        found = found or [
            item for item in self.halves if item.half == half and _same_ending(item.game, game)
        ]
        if len(found) != 1:
            what = "several games that end in" if found else "no"
            raise InputError(
                f"holds {what} {game!r}, half {half}",
                self.path,
                f"its games are like {self.halves[0].game!r}",
            )
        return found[0]

    def rows(self, game: str, half: int) -> slice:
        """The rows of a half; InputError if it is not in the bank."""
        found = self.find(game, half)
        return slice(found.offset, found.offset + found.count)

    def nearest(self, game: str, half: int, times: np.ndarray) -> np.ndarray:
        """Row closest in time to each of `times` (seconds in the half, (n,)); the earlier one of two.

        Returns:
            int64 (n,), indices into `features`.
        """
        rows = self.rows(game, half)
        seconds = self.seconds[rows]
        middles = (seconds[1:] + seconds[:-1]) / 2  # a time up to here is closest to the row before
        return rows.start + np.searchsorted(middles, times, side="left").astype(np.int64)

    def place(self, row: int) -> tuple[str, int, float]:
        """Game, half and second of a row."""
        half = next(item for item in reversed(self.halves) if item.offset <= row)
        return half.game, half.half, float(self.seconds[row])

    def _read(self, file: h5py.File) -> None:
        found = attributes_of(file, Attributes, self.path, KIND.maker)
        self.seconds = read_array(file, "seconds", (None,), "f")
        self.halves = _read_halves(file["halves"], len(self.seconds))
        self.temperature_m, self.neighbours = found.temperature_m, found.neighbours or None
        self.left_out = LeftOut(found.left_out_mean, found.left_out_maximum, found.left_out_sampled)
        self.teacher, self.provenance = found.teacher, found.provenance
        if not np.isfinite(self.seconds).all():
            raise ValueError("seconds hold NaN or infinity")


class Bank(BankTimes):
    """A bank file in memory.

    Attributes:
        path: the file.
        features: (M, K) float16 or float32, unit rows.
        targets: (M, K) of the same type, the soft-target mean m_i of each row.
        seconds: (M,) float64, time of each row in its half.
        halves: `BankHalf` of each half.
        reduction: how rows were made from the teacher's features.
        temperature_m: τ_m of `targets`.
        neighbours: rows that `targets` were computed from, None for all.
        left_out: softmax mass left out of `targets`.
        teacher, provenance: what the rows come from.
    """

    def _read(self, file: h5py.File) -> None:
        super()._read(file)
        self.features = read_array(file, "features", (len(self.seconds), None), "f")
        self.targets = read_array(file, "targets", self.features.shape, "f")
        self.reduction = _read_reduction(file["pca"], self.features.shape[1])
        for name in ("features", "targets"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} hold NaN or infinity")


def _read_halves(group: h5py.Group, num_rows: int) -> list[BankHalf]:
    games = read_array(group, "game", (None,), "O")
    half, offset, count = (
        read_array(group, name, games.shape, "iu") for name in ("half", "offset", "count")
    )
    sums = read_array(group, "sha256", games.shape, "O")
    if not len(games) or (count < 0).any() or offset.tolist() != [0, *np.cumsum(count)[:-1].tolist()]:
        raise ValueError("its halves do not follow each other")
    if sum(count.tolist()) != num_rows:
        raise ValueError("its halves have other rows than it")
    columns = zip(_texts(games), half.tolist(), offset.tolist(), count.tolist(), _texts(sums), strict=True)
    return [BankHalf(*column) for column in columns]


def _read_reduction(group: h5py.Group, width: int) -> Reduction:
    mean = read_array(group, "mean", (None,), "f")
    parts = {
        "mean": mean,
        "scale": read_array(group, "scale", mean.shape, "f"),
        "components": read_array(group, "components", (width, len(mean)), "f"),
        "explained": read_array(group, "explained", (width,), "f"),
    }
    if not all(np.isfinite(values).all() for values in parts.values()) or not parts["scale"].all():
        raise ValueError("its PCA holds what is no number")
    return Reduction(**parts)


def _texts(stored: np.ndarray) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else str(text) for text in stored]


def _same_ending(one: str, other: str) -> bool:
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")
