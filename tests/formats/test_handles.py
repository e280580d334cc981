"""Many files are read with few open, and one that changes is an error in words."""

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from comedian.data.halves import Halves
from comedian.data.loader import ClipLoader
from comedian.errors import InputError
from comedian.formats import handles
from comedian.formats.frames import FramesFile
from comedian.formats.games import find_games


@pytest.fixture
def half(tiny, tmp_path) -> Path:
    path = tmp_path / "1_224p.h5"
    path.write_bytes(tiny.half.read_bytes())
    return path


def test_a_file_that_shrinks_is_an_error_in_words(half):
    """Mapped, it would end the process by SIGBUS."""
    file = FramesFile(half)
    file.read([0, 59])
    os.truncate(half, 4096)
    with pytest.raises(InputError, match="was cut short while it was read"):
        file.read([59])


def test_a_file_that_is_replaced_is_read_on_or_refused(half, tiny):
    file = FramesFile(half)
    before = file.read([30])
    new = half.with_name("new")
    new.write_bytes(tiny.half.read_bytes())
    new.replace(half)
    assert (file.read([30]) == before).all(), "it is still open"
    handles._handle.cache_clear()
    with pytest.raises(InputError, match="was replaced while it was read; start again"):
        file.read([30])


def test_more_games_than_descriptors(tiny, tmp_path):
    """550 games of two halves, under a limit of which the process has a third left."""
    for number in range(550):
        game = tmp_path / f"game {number}"
        game.mkdir()
        for half in (1, 2):
            os.link(tiny.half, game / f"{half}_224p.h5")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 300
    resource.setrlimit(resource.RLIMIT_NOFILE, (held + handles.OPEN_FILES + 40, before[1]))
    try:
        halves = Halves.open(find_games([tmp_path], frozenset({".h5"})))
        clips = np.stack([np.arange(1100), np.zeros(1100, np.int64)], axis=1).reshape(11, 100, 2)
        loader = ClipLoader(halves.files, 2, workers=4)
        assert sum(len(batch) for batch in loader.batches(clips)) == 1100
        loader.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_threads_read_what_the_cache_has_dropped(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}" for number in range(3 * handles.OPEN_FILES)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number % 256]) * 64)
    known = [(path, handles.identity_of(path)) for path in paths]

    def read(number: int) -> bool:
        place = number * 7919 % len(known)
        return handles.read_at(*known[place], 8, 16) == bytes([place % 256]) * 16

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(4000)))
