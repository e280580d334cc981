"""Folders of empty files."""

from pathlib import Path

import pytest


@pytest.fixture
def tree(tmp_path):
    """Call it with paths: they become empty files below the folder it returns."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make
