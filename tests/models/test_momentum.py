from collections import deque

import pytest
import torch
from torch import nn

from comedian.models.momentum import KeyQueue, MomentumTwin, ema_momentum


class Online(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        return self.linear(x)


def test_twin_follows_as_a_moving_average():
    online = Online()
    twin = MomentumTwin(online)
    start = online.linear.weight.detach().clone()
    nn.init.constant_(online.linear.weight, 2.0)
    online.seen.fill_(7)
    for _ in range(5):
        twin.update(0.9)
    wanted = 0.9**5 * start + (1 - 0.9**5) * 2.0  # closed form while the online weights stand still
    torch.testing.assert_close(twin.module.linear.weight, wanted)
    assert twin.module.seen == 7
    twin.update(1.0)
    torch.testing.assert_close(twin.module.linear.weight, wanted)
    twin.update(0.0)
    assert torch.equal(twin(torch.ones(1, 3)), online(torch.ones(1, 3)))


def test_twin_is_frozen_and_does_not_own_the_online_network():
    online = Online()
    twin = MomentumTwin(online)
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    assert all(parameter.requires_grad for parameter in online.parameters())
    assert set(twin.state_dict()) == {"module.linear.weight", "module.linear.bias", "module.seen"}
    online.linear.weight.data.zero_()
    assert twin.module.linear.weight.any()


def test_momentum_goes_to_one_by_a_cosine():
    assert ema_momentum(0, 100, 0.99) == pytest.approx(0.99, abs=1e-12)
    assert ema_momentum(50, 100, 0.99) == pytest.approx(0.995, abs=1e-12)
    assert ema_momentum(100, 100, 0.99) == 1
    assert ema_momentum(25, 100, start=0.5) == pytest.approx(1 - 0.25 * (1 + 0.5**0.5))


def test_queue_starts_with_random_unit_keys():
    keys = KeyQueue(64, 16, seed=3).snapshot()
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(64))
    assert torch.equal(keys, KeyQueue(64, 16, seed=3).snapshot())
    assert not torch.equal(keys, KeyQueue(64, 16, seed=4).snapshot())


@pytest.mark.parametrize("numbers", [[3, 3, 3, 3], [7, 1, 6], [10, 2], [17, 4, 25], [0, 5]])
def test_queue_is_first_in_first_out(numbers):
    queue, counter = KeyQueue(7, 1), 0
    wanted = deque(queue.snapshot()[:, 0].tolist(), maxlen=7)
    for number in numbers:
        keys = torch.arange(counter, counter + number, dtype=torch.float64)[:, None] + 10
        counter += number
        queue.push(keys)
        wanted.extend(keys[:, 0].tolist())
        in_order = queue.snapshot().roll(-int(queue.oldest), dims=0)[:, 0]
        assert in_order.tolist() == list(wanted)


def test_snapshot_stays_and_state_is_saved():
    queue = KeyQueue(4, 2)
    before = queue.snapshot()
    frozen = before.clone()
    queue.push(torch.ones(3, 2))
    assert torch.equal(before, frozen)
    other = KeyQueue(4, 2, seed=9)
    other.load_state_dict(queue.state_dict())
    for each in (queue, other):
        each.push(torch.full((2, 2), 2.0))
    assert torch.equal(queue.snapshot(), other.snapshot())
