"""Tokens files: what is written comes back in parts, and what is not one is told."""

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.tokens import TokensFile, tokens_path, whole_tokens_file, write_tokens

FEATURES = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def test_windows_come_back(tmp_path):
    path = tokens_path(tmp_path / "a.b" / "1_224p.h5", "0123456789abcdef")
    assert path == tmp_path / "a.b" / "1_224p.0123456789ab.tokens"
    path.parent.mkdir()
    write_tokens(path, FEATURES, "key")
    file = TokensFile(path)
    assert (file.key, file.shape) == ("key", (7, 5))
    for first, number in ((0, 7), (2, 3), (6, 1)):
        np.testing.assert_array_equal(
            file.read(first, number), FEATURES[first : first + number].astype("f2")
        )


def test_only_a_whole_file_of_the_same_origin_is_taken(tmp_path):
    path = tmp_path / "1.tokens"
    assert whole_tokens_file(path, "key") is None
    write_tokens(path, FEATURES, "key")
    assert whole_tokens_file(path, "other") is None
    assert whole_tokens_file(path, "key").shape == (7, 5)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert whole_tokens_file(path, "key") is None
    with pytest.raises(InputError, match=r"is cut short|is damaged"):
        TokensFile(path)


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "1.tokens"
    write_tokens(path, FEATURES, "key")
    file = TokensFile(path)
    with path.open("r+b") as stream:
        stream.truncate(100)
    with pytest.raises(InputError, match=r"1\.tokens"):
        file.read(0, 7)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_features_that_half_precision_cannot_hold_are_refused(tmp_path, value):
    features = FEATURES.copy()
    features[2, 3] = value
    with pytest.raises(InputError, match="beyond half precision"):
        write_tokens(tmp_path / "1.tokens", features, "key")
    assert not list(tmp_path.iterdir())
