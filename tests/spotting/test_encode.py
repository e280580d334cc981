"""Chunks on several threads must give the tokens of one pass, in order, and leave no trace."""

import numpy as np
import pytest
import torch

from comedian.data.augment import to_input
from comedian.spotting.encode import encode_stream
from tests.spotting.test_sliding import CPU, random_half, small_spotter
from tests.threads import torch_threads


@pytest.fixture(autouse=True)
def three_threads():
    with torch_threads(3):
        yield


def chunks(num_frames: int, size: int):
    tubelets = random_half(num_frames)[0].reshape(-1, 2, 16, 16, 3)
    for start in range(0, len(tubelets), size):
        yield list(range(start, start + size)), tubelets[start : start + size]


def test_tokens_come_in_order_in_float32():
    spotters = [small_spotter(seed=1), small_spotter(seed=2)]
    found = list(encode_stream(chunks(240, 8), spotters, CPU))
    assert [second for seconds, _ in found for second in seconds] == list(range(120))
    video = to_input(torch.from_numpy(np.concatenate([frames for _, frames in chunks(240, 8)])), (16, 16))
    for number, spotter in enumerate(spotters):
        with torch.inference_mode():
            plain = spotter.spatial.encode(video)
            with torch.autocast("cpu", torch.bfloat16):
                assert (spotter.spatial.encode(video).float() - plain).abs().max() > 1e-3, "it is seen"
        tokens = torch.cat([tokens[number] for _, tokens in found])
        torch.testing.assert_close(tokens, plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize("left_after", [1, None])
def test_neither_threads_nor_the_spotter_are_changed(left_after):
    spotter = small_spotter()
    names = [type(module) for module in spotter.modules()]
    stream = encode_stream(chunks(240, 8), [spotter], CPU)
    for _ in range(left_after or 15):
        next(stream)
    stream.close()
    assert torch.get_num_threads() == 3
    assert [type(module) for module in spotter.modules()] == names


def test_what_goes_wrong_is_told():
    broken = ([0.0], np.zeros((1, 2, 16, 16, 5), np.uint8))
    with pytest.raises(RuntimeError):
        list(encode_stream([broken], [small_spotter()], CPU))
    with pytest.raises(ZeroDivisionError):
        list(encode_stream((1 / 0 for _ in range(1)), [small_spotter()], CPU))
    assert torch.get_num_threads() == 3
