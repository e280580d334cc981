"""From a teacher's features to a bank: z-score, PCA, unit length, soft targets (section 3.3); and look-ups.

Letters: M rows, K width of a row, D width of the teacher's features.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module="joblib")  # that it has no shared memory; it is asked for none
    from sklearn.decomposition import PCA, IncrementalPCA
    from sklearn.preprocessing import StandardScaler

from comedian.bank.neighbours import neighbour_targets
from comedian.bank.soft_targets import soft_targets
from comedian.errors import InputError
from comedian.formats.bank import BankHalf, LeftOut, Reduction, write_bank
from comedian.formats.features import open_features
from comedian.formats.games import Game
from comedian.formats.provenance import provenance, sha256
from comedian.progress import Report, silent
from comedian.recipes.bank import BankRecipe
from comedian.recipes.ranges import Rate, Signed
from comedian.recipes.schema import check, checked

PCA_BYTES = 2 << 30  # z-scored features beyond this take the incremental PCA
PCA_BATCH_ROWS = 4096  # rows of one incremental step, or twice the components if that is more


@dataclass(frozen=True)
class Part:
    """A teacher's features of one half.

    Attributes:
        game, half: which half; `game` as `find_games` names it.
        source: the file they were made from.
        rows: .npy file of them, (m, D) floats; `source` itself when that holds features.
        seconds: (m,) float64, time of each row in the half, ascending.
    """

    game: str
    half: int
    source: Path
    rows: Path
    seconds: np.ndarray

    def load(self) -> np.ndarray:
        """The features (m, D) float32; InputError when one is not a number or infinite."""
        with np.errstate(over="ignore"):  # what is too large becomes infinity
            features = np.asarray(open_features(self.rows), np.float32)
        if not np.isfinite(features).all():
            row = int(np.argmin(np.isfinite(features).all(axis=1)))
            raise InputError(f"row {row} holds NaN or infinity", self.source, "make the file again")
        return features


def bank_from_features(
    games: Sequence[Game],
    output: str | Path,
    recipe: BankRecipe,
    device: torch.device | str = "cpu",
    report: Report = silent,
    *,
    features_fps: float = 1.0,
    offset_seconds: float = 0.0,
) -> dict:
    """Make a bank of .npy feature files, the halves of `games`; row i lies at `offset + i / fps` seconds.

    Returns:
        the summary of `build_bank`.

    Raises:
        InputError: a file is not a 2-D array of floats, and as `build_bank`.
    """
    checked("rows a second", features_fps, Rate, "--features-fps")
    checked("the first row's time", offset_seconds, Signed, "--features-offset")
    parts = []
    for game in games:
        for half in game.halves:
            seconds = offset_seconds + np.arange(len(open_features(half.path))) / features_fps
            parts.append(Part(game.name, half.number, half.path, half.path, seconds))
    teacher = f"features {re.sub('^[12]_', '', parts[0].source.name)}"
    return build_bank(parts, output, recipe, teacher=teacher, device=device, report=report)


def build_bank(
    parts: Sequence[Part],
    output: str | Path,
    recipe: BankRecipe,
    *,
    teacher: str,
    parents: Sequence[str | Path] = (),
    device: torch.device | str = "cpu",
    report: Report = silent,
) -> dict:
    """Reduce features, compute the soft targets and write the bank file.

    Features are read three times, a half at a time; in memory are the reduced rows and their targets.

    Args:
        teacher: what made the features, in words.
        parents: files to name in the provenance beside the halves' own.

    Returns:
        what was made: rows, dim, explained_variance, teacher, neighbours, left_out.

    Raises:
        InputError: a file is unfit, two differ in width, or a half is given twice.
    """
    _check(parts, recipe)
    reduction = fit_reduction(parts, recipe.dim, report)
    features = np.concatenate([reduction(part.load()).astype(recipe.dtype) for part in parts])
    rows = torch.from_numpy(features).to(device)
    if recipe.neighbours is None:
        targets, left_out = soft_targets(rows, recipe.temperature_m, report=report), LeftOut()
    else:
        targets, left_out = neighbour_targets(rows, recipe.neighbours, recipe.temperature_m, report=report)
    write_bank(
        output,
        features,
        targets.cpu().numpy().astype(recipe.dtype),
        np.concatenate([part.seconds for part in parts]),
        _halves(parts),
        reduction,
        temperature_m=recipe.temperature_m,
        neighbours=recipe.neighbours,
        left_out=left_out,
        teacher=teacher,
        provenance=provenance(vars(recipe), parents),
    )
    return {
        "rows": len(features),
        "dim": features.shape[1],
        "explained_variance": round(float(reduction.explained.sum()), 6),
        "teacher": teacher,
        "neighbours": recipe.neighbours,
        "left_out": vars(left_out),
    }


def fit_reduction(parts: Sequence[Part], dim: int, report: Report = silent) -> Reduction:
    """Z-score and PCA of all parts' features to `dim` components, or as many as there are.

    Features that fit in memory take one PCA, more an incremental one. The same files give the same
    result.
    """
    scaler = StandardScaler()
    for done, part in enumerate(parts, start=1):
        scaler.partial_fit(part.load().astype(np.float64))
        report("z-score", done, len(parts))
    if not scaler.var_.any():
        raise InputError("all features are equal", parts[0].source, "use another teacher")
    num_rows, width = sum(len(part.seconds) for part in parts), len(scaler.mean_)
    num_components = min(dim, num_rows, width)
    if 4 * num_rows * width <= PCA_BYTES:
        pca = PCA(num_components, random_state=0)
        pca.fit(np.concatenate(list(_z_scored(parts, scaler))))
        report("PCA", 1, 1)
    else:
        pca = IncrementalPCA(num_components, copy=False)
        for done, batch in _batches(_z_scored(parts, scaler), max(PCA_BATCH_ROWS, 2 * num_components)):
            pca.partial_fit(batch)
            report("PCA", done, num_rows)
    found = (scaler.mean_, scaler.scale_, pca.components_, pca.explained_variance_ratio_)
    return Reduction(*(np.asarray(values, np.float32) for values in found))


def _check(parts: Sequence[Part], recipe: BankRecipe) -> None:
    check(recipe, "the bank's recipe")
    width = open_features(parts[0].rows).shape[1]
    seen: dict[tuple[str, int], Part] = {}
    for part in parts:
        found = open_features(part.rows).shape[1]
        if found != width:
            remedy = "give files of one kind, with a row for each time"
            what = f"has {found} columns, {parts[0].source} has {width}"
            raise InputError(what, part.source, remedy)
        if (other := seen.setdefault((part.game, part.half), part)) is not part:
            raise InputError(
                f"is half {part.half} of {part.game!r}, as is {other.source}",
                part.source,
                "give folders or a list, which tell games apart",
            )


def _halves(parts: Sequence[Part]) -> list[BankHalf]:
    counts = [len(part.seconds) for part in parts]
    offsets = np.cumsum([0, *counts[:-1]]).tolist()
    return [
        BankHalf(part.game, part.half, offset, count, sha256(part.source))
        for part, offset, count in zip(parts, offsets, counts, strict=True)
    ]


def _z_scored(parts: Sequence[Part], scaler: StandardScaler) -> Iterator[np.ndarray]:
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    for part in parts:
        yield (part.load() - mean) / scale


def _batches(arrays: Iterator[np.ndarray], size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Regroup rows into batches of at least `size` (the last too), each with the rows so far."""
    waiting: list[np.ndarray] = []
    done = 0
    for array in arrays:
        waiting.append(array)
        while sum(map(len, waiting)) >= 2 * size:
            rows = np.concatenate(waiting)
            done, waiting = done + size, [rows[size:]]
            yield done, rows[:size]
    rows = np.concatenate(waiting)
    yield done + len(rows), rows
