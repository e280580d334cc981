import time

import numpy as np
import pytest
import torch

from comedian.data import loader as module
from comedian.data.loader import ClipLoader
from comedian.formats.frames import FramesFile
from comedian.video import parallel


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_hold_the_frames_asked_for(halves, workers):
    loader = ClipLoader(halves.files, 4, workers)
    for size in (3, 2, 5):  # one epoch after the other
        clips = np.random.default_rng(size).integers(0, 16, (5, size, 2)) % [3, 16]
        for wanted, batch in zip(clips, loader.batches(clips), strict=True):
            assert batch.shape == (size, 4, 8, 16, 3)
            expected = wanted[:, 1, None] + np.arange(4)
            np.testing.assert_array_equal(batch[:, :, 0, 0, 0], expected)
    loader.close()


def test_when_an_epoch_is_left_nothing_is_decoded_any_more(halves, monkeypatch):
    decoding = []

    def read(file, indices, out):
        decoding.append(indices)
        time.sleep(0.02)
        decoding.remove(indices)

    monkeypatch.setattr(FramesFile, "read", read)
    loader = ClipLoader(halves.files, 4, 2)
    batches = loader.batches(np.zeros((5, 6, 2), int))
    next(batches)
    batches.close()
    assert decoding == []
    time.sleep(0.05)
    assert decoding == []
    loader.close()


def test_beside_a_gpu_every_core_decodes(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 16)
    cuda = torch.device("cuda")
    cpu = torch.device("cpu")
    assert (module.decoding_threads(cpu), module.decoding_threads(cuda)) == (2, 16)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert (module.decoding_threads(cpu), module.decoding_threads(cuda)) == (2, 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "32")
    assert module.decoding_threads(cuda) == 1
