"""The batches of an epoch."""

import pytest
import torch

from comedian.errors import InputError
from comedian.training.epochs import Epochs


def epochs_of(halves, run, batch_size=4, **more):
    options = {"sampler": "uniform", "num_frames": 8, "per_game": 6}
    return Epochs(halves, run, "windows", batch_size=batch_size, **options, **more)


def test_too_few_clips_for_a_batch_are_told(halves, a_run):
    with pytest.raises(InputError, match="3 halves give 12 clips an epoch, a batch needs 13"):
        epochs_of(halves, a_run(), 13)
    with epochs_of(halves, a_run(), 5) as epochs:
        assert epochs.iterations == 2


def test_what_lies_beside_a_clip_belongs_to_it(halves, a_run):
    """Here the first frame's pixels, which the batch must hold too."""

    def first(half, start):
        return torch.from_numpy(halves.files[half].read([start])[0])

    with epochs_of(halves, a_run(), beside=first) as epochs:
        batches = [(frames.clone(), own) for frames, own in epochs.batches(0)]
    assert len(batches) == epochs.iterations == 3
    for frames, own in batches:
        assert frames.shape[:2] == (4, 8)
        assert torch.equal(frames[:, 0], own)


def test_an_epoch_is_entered_at_any_batch_and_is_another_each_time(halves, a_run):
    with epochs_of(halves, a_run()) as epochs:
        whole = [frames.clone() for (frames,) in epochs.batches(1)]
        rest = [frames.clone() for (frames,) in epochs.batches(1, 2)]
        other = [frames.clone() for (frames,) in epochs.batches(2)]
    with epochs_of(halves, a_run(seed=1)) as epochs:
        another_seed = [frames.clone() for (frames,) in epochs.batches(1)]
    assert torch.equal(torch.stack(rest), torch.stack(whole[2:]))
    assert not torch.equal(torch.stack(other), torch.stack(whole))
    assert not torch.equal(torch.stack(another_seed), torch.stack(whole))
