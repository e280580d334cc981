"""Feature files."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """Two games of two halves, 12 correlated dimensions of very unlike scale, one of them constant."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(5, 11)) * np.logspace(-2, 3, 11)
    for game in ("2015 A 1 - 0 B", "2016 C 2 - 2 D"):
        for half in (1, 2):
            values = rng.normal(size=(30 + half, 5)) @ mix + 0.1 * rng.normal(size=(30 + half, 11))
            folder = tmp_path / "features" / game
            folder.mkdir(parents=True, exist_ok=True)
            full = np.concatenate([values, np.full((30 + half, 1), 7.0)], axis=1).astype(np.float32)
            np.save(folder / f"{half}_baidu_soccer_embeddings.npy", full)
    return tmp_path / "features"
