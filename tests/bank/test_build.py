"""Feature files to a bank: z-score, PCA, unit length, times."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from comedian.bank import build as module
from comedian.bank.build import Part, bank_from_features, fit_reduction
from comedian.bank.soft_targets import soft_targets
from comedian.errors import InputError
from comedian.formats.games import find_games
from comedian.recipes.bank import BankRecipe
from tests.bank.small_bank import NPY, build


def stacked(features: Path) -> np.ndarray:
    return np.concatenate([np.load(path) for path in sorted(features.rglob("*.npy"))])


def reference_rows(raw: np.ndarray, dim: int) -> tuple[np.ndarray, PCA]:
    scaled = StandardScaler().fit_transform(raw.astype(np.float64))
    pca = PCA(dim, svd_solver="full").fit(scaled)
    rows = pca.transform(scaled)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), pca


def test_rows_equal_a_full_pca_of_the_z_scored_features(features):
    bank, summary = build(features, dim=4)
    rows, pca = reference_rows(stacked(features), 4)
    signs = np.sign((rows * bank.features).sum(axis=0))
    np.testing.assert_allclose(bank.features * signs, rows, atol=1e-4)
    np.testing.assert_allclose(bank.reduction.explained, pca.explained_variance_ratio_, atol=1e-5)
    assert summary["explained_variance"] == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-5)
    assert summary["rows"] == len(rows) == 126


def test_the_incremental_pca_spans_the_same_space(features, monkeypatch):
    exact, _ = build(features, dim=5)
    monkeypatch.setattr(module, "PCA_BYTES", 0)
    monkeypatch.setattr(module, "PCA_BATCH_ROWS", 40)
    found, _ = build(features, dim=5)
    cosines = (exact.reduction.components @ found.reduction.components.T) ** 2
    assert cosines.sum() == pytest.approx(5, abs=0.01)
    np.testing.assert_allclose(found.reduction.explained, exact.reduction.explained, atol=0.01)


def test_the_same_files_give_the_same_bank(features):
    one, _ = build(features, dim=6)
    two, _ = build(features, dim=6)
    assert np.array_equal(one.features, two.features)
    assert np.array_equal(one.targets, two.targets)


def test_targets_are_those_of_the_rows_as_stored(features):
    bank, summary = build(features, dim=6, dtype="float16", temperature_m=0.05)
    assert bank.features.dtype == bank.targets.dtype == np.float16
    expected = soft_targets(torch.from_numpy(bank.features), 0.05).numpy()
    assert np.array_equal(bank.targets, expected.astype(np.float16))
    assert bank.temperature_m == 0.05
    assert summary["left_out"] == {"mean": 0, "maximum": 0, "sampled": 0}


def test_neighbours_are_said_in_the_file(features):
    bank, summary = build(features, dim=6, neighbours=3)
    assert bank.neighbours == 3
    assert bank.left_out.sampled == 126
    assert 0 < bank.left_out.mean <= bank.left_out.maximum < 1
    assert summary["left_out"]["mean"] == bank.left_out.mean


def test_fewer_dimensions_than_asked_for(features):
    bank, summary = build(features)
    assert bank.features.shape == (126, 12)
    assert summary["dim"] == 12
    np.testing.assert_allclose(np.linalg.norm(bank.features, axis=1), 1, atol=1e-5)


def test_the_file_holds_its_own_reduction(features):
    bank, _ = build(features, dim=5)
    half = bank.find("2016 C 2 - 2 D", 2)
    raw = np.load(features / "2016 C 2 - 2 D" / "2_baidu_soccer_embeddings.npy")
    rows = bank.features[half.offset : half.offset + half.count]
    np.testing.assert_allclose(bank.reduction(raw), rows, atol=1e-6)
    assert bank.teacher == "features baidu_soccer_embeddings.npy"


def test_rows_lie_at_offset_and_rate(features):
    bank, _ = build(features, dim=5, features_fps=2.0, offset_seconds=0.25)
    rows = bank.rows("2015 A 1 - 0 B", 2)
    assert rows == slice(31, 63)
    assert bank.seconds[rows].tolist() == [0.25 + number / 2 for number in range(32)]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 5), np.float32), "rows and columns"),
        (np.zeros((3, 12), np.int64), "holds int64"),
        (np.zeros((0, 12), np.float32), "no features"),
        (np.zeros((3, 11), np.float32), "has 11 columns"),
        (np.array([[1.0] * 12, [np.nan] * 12], np.float32), "row 1 holds NaN"),
        (np.array([[np.inf] * 12], np.float32), "row 0 holds NaN or infinity"),
        (np.array([object()], dtype=object), "holds pickled objects"),
    ],
)
def test_one_bad_file_is_named(features, array, message):
    bad = features / "2016 C 2 - 2 D" / "1_baidu_soccer_embeddings.npy"
    np.save(bad, array)
    with pytest.raises(InputError, match=message) as caught:
        build(features)
    assert caught.value.file == bad
    assert not (features.parent / "bank.h5").exists()


@pytest.mark.parametrize("keep", [0, 5, 500])
def test_a_file_cut_short_is_named(features, keep):
    bad = features / "2016 C 2 - 2 D" / "1_baidu_soccer_embeddings.npy"
    bad.write_bytes(bad.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"damaged or not a \.npy file") as caught:
        build(features)
    assert caught.value.file == bad


@pytest.mark.parametrize(
    "written", [b"(", b"\x93NUMPY\x01\x00v\x00{'descr", b"PK\x03\x04"], ids=["text", "header", "zip"]
)
def test_a_file_that_only_looks_like_features_is_named(features, written):
    bad = features / "2016 C 2 - 2 D" / "1_baidu_soccer_embeddings.npy"
    bad.write_bytes(written + b"(" * 200)
    with pytest.raises(InputError, match=r"damaged or not a \.npy file"):
        build(features)


@pytest.mark.parametrize("change", [np.asfortranarray, lambda array: array.astype(">f8")])
def test_the_order_of_bytes_and_of_values_does_not_matter(features, change):
    expected, _ = build(features, dim=4)
    for path in features.rglob("*.npy"):
        np.save(path, change(np.load(path)))
    found, _ = build(features, dim=4)
    np.testing.assert_array_equal(found.features, expected.features)


def test_features_that_never_change_are_refused(features):
    for path in features.rglob("*.npy"):
        np.save(path, np.ones((5, 3), np.float32))
    with pytest.raises(InputError, match="all features are equal"):
        build(features)


def test_one_half_twice_is_refused(features):
    games = find_games([features, features], NPY)
    with pytest.raises(InputError, match="half 1 of '2015 A 1 - 0 B', as is"):
        bank_from_features(games, features / "bank.h5", BankRecipe())


@pytest.mark.parametrize("changes", [{"temperature_m": 0.0}, {"dtype": "int8"}, {"features_fps": 0.0}])
def test_bad_settings_are_refused(features, changes):
    with pytest.raises(InputError):
        build(features, **changes)


def test_reduction_reads_parts_in_any_float_type(tmp_path):
    values = np.random.default_rng(1).normal(size=(20, 4))
    parts = []
    for number, dtype in enumerate((np.float64, np.float16)):
        path = tmp_path / f"{number}.npy"
        np.save(path, values.astype(dtype))
        parts.append(Part("game", number + 1, path, path, np.arange(20.0)))
    assert fit_reduction(parts, 2).components.shape == (2, 4)
