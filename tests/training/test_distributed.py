"""Two processes learn what one does."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from comedian import distributed
from comedian.data.augment import random_view
from comedian.errors import InputError
from comedian.training import finetune
from comedian.training.epochs import shuffled_batches
from comedian.training.loop import _seeded
from tests.training.conftest import driven, read_records
from tests.training.stages import CPU, PRETRAIN, RECIPES, calm, noted_losses, of_eight, train

STAGES = list(RECIPES)


@pytest.fixture(scope="module")
def apart(inputs, tmp_path_factory):
    """Folder of what two processes made of each stage."""
    folder = tmp_path_factory.mktemp("apart")
    tasks = [f"{stage}:{folder / stage}:calm" for stage in STAGES]
    tasks += [f"{stage}:{folder / stage}-parts:parts" for stage in STAGES]
    assert driven(inputs, *tasks, processes=2) == 0
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_two_processes_learn_what_one_does(inputs, a_run, apart, stage):
    records = []
    run = a_run(records=records)
    with noted_losses() as losses:
        train(inputs, stage, run, calm(RECIPES[stage]))
    assert json.loads(Path(f"{apart / stage}.losses").read_text()) == pytest.approx(losses, abs=1e-5)
    assert len(set(losses)) == len(losses) > 5  # steps of all epochs, of both of finetune's stages
    found = read_records(apart / stage)
    assert [words(record) for record in found] == [words(record) for record in records]
    for ours, theirs in zip(records, found, strict=True):
        assert numbers(theirs) == pytest.approx(numbers(ours), rel=1e-5)
    weights, others = load_file(run.output), load_file(apart / stage)
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, atol=1e-5, rtol=0)
    assert not list(apart.glob("*.resume"))


@pytest.mark.parametrize("stage", STAGES)
def test_parts_in_two_processes_learn_what_the_whole_does_in_one(inputs, a_run, apart, stage):
    run = a_run()
    with noted_losses() as losses:
        train(inputs, stage, run, of_eight(RECIPES[stage]))
    assert json.loads(Path(f"{apart / stage}-parts.losses").read_text()) == pytest.approx(losses, abs=1e-5)
    weights, others = load_file(run.output), load_file(f"{apart / stage}-parts")
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, atol=1e-5, rtol=0)


def words(record):
    return {key: value for key, value in record.items() if isinstance(value, str | int)}


def numbers(record):
    return {key: value for key, value in record.items() if isinstance(value, float) and key != "seconds"}


@pytest.fixture
def as_rank(monkeypatch):
    """Make this process believe it is one of several."""

    def call(rank, world_size=2):
        monkeypatch.setattr(distributed, "rank", lambda: rank)
        monkeypatch.setattr(distributed, "world_size", lambda: world_size)

    return call


def test_slices_cover_a_batch_once(as_rank):
    found = []
    for rank in range(3):
        as_rank(rank, 3)
        found += distributed.own_share(list(range(12)))
    assert found == list(range(12))


def test_a_batch_that_cannot_be_shared_is_told(as_rank):
    as_rank(0, 3)
    with pytest.raises(
        InputError, match="a batch of 8 cannot be shared by 3 processes; choose a --batch-size"
    ):
        distributed.local_slice(8)


def test_processes_share_every_batch_of_an_epoch(as_rank):
    clips = np.stack([np.zeros(23, np.int64), np.arange(23)], axis=1)
    (whole, *parts) = [
        (as_rank(rank, size), shuffled_batches(clips, 6, np.random.default_rng(0)))[1]
        for rank, size in ((0, 1), (0, 2), (1, 2))
    ]
    assert whole.shape == (3, 6, 2)
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    assert len(np.unique(whole[..., 1])) == 18  # each clip at most once
    assert not np.array_equal(whole[..., 1].ravel(), np.sort(whole[..., 1].ravel()))


def test_processes_share_the_draws_of_a_view(as_rank):
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (4, 2, 16, 20, 3), dtype=torch.uint8, generator=generator)

    image_size = PRETRAIN.model.image_size

    def view(some, rank, size):
        as_rank(rank, size)
        return random_view(some, PRETRAIN.view_1, image_size, torch.Generator().manual_seed(1))

    parts = [view(frames[:2], 0, 2), view(frames[2:], 1, 2)]
    torch.testing.assert_close(torch.cat(parts), view(frames, 0, 1))


def test_an_odd_window_of_a_process_has_nobody_to_mix_with(as_rank):
    assert finetune._partners(5).tolist() == [1, 0, 3, 2, 4]
    as_rank(0)
    assert finetune._partners(4).tolist() == [1, 0, 3, 2]
    with pytest.raises(InputError, match="pairs of windows, each process has 5; choose a --batch-size"):
        finetune._partners(5)


def test_only_stochastic_depth_is_drawn_apart(as_rank):
    drawn = []
    for rank in (0, 1):
        as_rank(rank)
        generator = _seeded(0, "stage", 7)
        drawn.append((torch.rand(3, generator=generator).tolist(), torch.rand(3).tolist()))
    assert drawn[0][0] == drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_alone_nothing_is_exchanged():
    tensor = torch.arange(3.0)
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert distributed.gather(tensor) is tensor
    assert distributed.gather_lists([1, 2]) == [1, 2]
    assert distributed.mean(tensor[1]) == 1
    assert distributed.mean(tensor) is tensor
    with distributed.processes(CPU) as device:
        assert device == CPU
        assert not torch.distributed.is_initialized()


@pytest.fixture
def started_as(monkeypatch):
    """Give this process the environment that torchrun gives the process of a rank."""

    def call(rank, port=1):
        about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost"}
        about |= {"MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": True}
        for name, value in about.items():
            monkeypatch.setenv(name, str(value))

    return call


def test_the_first_to_end_speaks_and_the_others_end_like_it(started_as):
    agents = torch.distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    found = []
    for rank, status in ((1, 130), (0, 1), (2, 0)):
        started_as(rank, agents.port)
        found.append(distributed.ends_first(status))
    assert found == [(True, 130), (False, 130), (False, 130)]


def test_who_is_left_alone_speaks(started_as, monkeypatch):
    monkeypatch.setattr(distributed, "FAREWELL", timedelta(seconds=0.2))
    started_as(1)
    assert distributed.ends_first(1) == (True, 1)


def test_errors_of_the_connection_are_losses():
    closed = "[/x/third_party/gloo/gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:1"
    assert distributed.is_loss(RuntimeError(closed))
    assert distributed.is_loss(torch.distributed.DistBackendError("NCCL error: remote process exited"))
    assert not distributed.is_loss(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_each_process_has_a_gpu_of_its_own(started_as, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    started_as(1)
    assert distributed._own_gpu(torch.device("cuda")) == torch.device("cuda:1")
    with pytest.raises(
        InputError, match="--device: each process has a GPU of its own, not cuda:0; say cuda"
    ):
        distributed._own_gpu(torch.device("cuda:0"))
    started_as(2)
    with pytest.raises(
        InputError, match=r"2 of this machine has no GPU, there are 2; .*--nproc-per-node 2"
    ):
        distributed._own_gpu(torch.device("cuda"))
