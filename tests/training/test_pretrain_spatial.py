"""Step 1 against loops written from Eq. 1-2, and its run."""

import json
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from comedian.errors import InputError
from comedian.formats.checkpoint import load_checkpoint
from comedian.models.momentum import MomentumTwin, ema_momentum
from comedian.models.spatial import build_spatial
from comedian.training import pretrain_spatial as module
from comedian.training.pretrain_spatial import MocoStep
from tests.training.stages import MODEL, PRETRAIN, calm, loss_of, noise, train


@pytest.fixture
def step():
    """A step without chance, whose twin has gone its own way."""
    torch.manual_seed(0)
    recipe = calm(PRETRAIN)
    step = MocoStep(build_spatial(recipe.model), recipe)
    with torch.no_grad():
        for parameter in step.twin.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return step


@pytest.fixture
def views(monkeypatch):
    """The views that the step made, and the recipes they were made from."""
    asked, made, draw, apply = [], [], module.draw, module.apply

    def watched(*inputs):
        made.append((asked[len(made)], apply(*inputs)))
        return made[-1][1]

    monkeypatch.setattr(module, "draw", lambda view, *others: asked.append(view) or draw(view, *others))
    monkeypatch.setattr(module, "apply", watched)
    return made


def keys_of(step):
    """Keys of both views of the batch that was passed, (2, B, K)."""
    return torch.cat(step.keys, 1)


def info_nce(queries, keys, negatives, temperature=0.1):
    """Eq. 1, one number at a time."""
    total = 0.0
    for query, key in zip(queries.double(), keys.double(), strict=True):
        scores = [float(query @ key), *(float(query @ other) for other in negatives.double())]
        total -= math.log(
            math.exp(scores[0] / temperature) / sum(math.exp(score / temperature) for score in scores)
        )
    return total / len(queries)


def test_the_loss_is_eq_1_and_2(step, views):
    queue = step.queue.keys.clone()
    loss = loss_of(step, noise(5, 2), seed=2)
    assert [view for view, _ in views] == [PRETRAIN.view_1, PRETRAIN.view_2]
    assert not torch.equal(views[0][1], views[1][1])
    with torch.no_grad():
        queries = [step.predictor(step.projector(step.spatial.encode(view))) for _, view in views]
        spatial, project = step.twin.module
        keys = [F.normalize(project(spatial.encode(view)), dim=1) for _, view in views]
    (q1, q2), (k1, k2) = [F.normalize(query, dim=1) for query in queries], keys
    expected = (info_nce(q1, k2, queue) + info_nce(q2, k1, queue)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert not torch.allclose(q1, k1, atol=1e-2)  # the twin and the predictor matter
    torch.testing.assert_close(keys_of(step), torch.stack(keys))


def test_keys_enter_after_the_loss_in_order(step):
    before = step.queue.keys.clone()
    first = loss_of(step, noise(5, 2), seed=2)
    assert torch.equal(step.queue.keys, before)
    assert torch.equal(loss_of(step, noise(5, 2), seed=2), first)  # the own keys are no negatives yet
    keys = step.keys.pop().flatten(0, 1)
    step.after_iteration(0, 10)
    assert torch.equal(step.queue.keys, torch.cat([keys, before[10:]]))
    assert step.keys == []
    loss_of(step, noise(5, 2), seed=3)
    made, later = step.keys, keys_of(step).flatten(0, 1)
    for _ in range(2):  # around the ring of 24
        step.keys = made
        step.after_iteration(1, 10)
    assert torch.equal(step.queue.keys, torch.cat([later[4:], keys[6:], later, later[:4]]))


def test_the_twin_follows_and_takes_no_gradient(step):
    loss_of(step, noise(5, 2), seed=2).backward()
    assert not keys_of(step).requires_grad
    assert all(parameter.grad is None for parameter in step.twin.parameters())
    online = [*step.spatial.parameters(), *step.projector.parameters()]
    assert all(parameter.grad is not None for parameter in [*online, *step.predictor.parameters()])
    before = [parameter.clone() for parameter in step.twin.parameters()]
    step.after_iteration(3, 10)
    momentum = 1 - 0.01 * (1 + math.cos(math.pi * 0.3)) / 2  # from 0.99 to 1 by a cosine
    for own, old, new in zip(step.twin.parameters(), before, online, strict=True):
        torch.testing.assert_close(own.data, momentum * old + (1 - momentum) * new.data)


def test_the_twin_trains_in_the_mode_of_the_query_network():
    step = MocoStep(build_spatial(MODEL), PRETRAIN).train()
    assert step.twin.module.training
    torch.manual_seed(0)
    keys = [(loss_of(step, noise(8, 2), seed=2), step.keys.pop())[1] for _ in range(2)]
    assert not torch.allclose(*keys)  # stochastic depth
    step.eval()
    keys = [(loss_of(step, noise(8, 2), seed=2), step.keys.pop())[1] for _ in range(2)]
    assert torch.equal(*keys)


def test_momentum_rises_with_every_step_of_a_run(inputs, a_run, monkeypatch):
    used, update = [], MomentumTwin.update
    monkeypatch.setattr(
        MomentumTwin, "update", lambda twin, value: used.append(value) or update(twin, value)
    )
    records = []
    train(inputs, "pretrain", a_run(records=records))
    steps = (15 + 12 + 13) // 8  # a clip a second
    assert used == [ema_momentum(number, 3 * steps, 0.99) for number in range(3 * steps)]
    assert used[0] == 0.99
    assert used == sorted(used)
    assert [record["stage"] for record in records] == ["pretrain-spatial"] * 3


def test_a_run_leaves_the_online_spatial_transformer(inputs, a_run, monkeypatch):
    steps = []
    monkeypatch.setattr(module, "MocoStep", lambda *args: steps.append(MocoStep(*args)) or steps[0])
    run, init = a_run(), inputs / "spatial.safetensors"
    train(inputs, "pretrain", run, init=str(init))
    checkpoint = load_checkpoint(run.output, expect="spatial")
    expected = {f"spatial.{name}": value for name, value in steps[0].spatial.state_dict().items()}
    assert checkpoint.tensors.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in checkpoint.tensors.items())
    start = load_checkpoint(init).tensors
    assert not any(torch.equal(start[name], value) for name, value in expected.items())
    assert checkpoint.header.model == MODEL
    assert checkpoint.header.recipe["queue_size"] == 24
    assert [parent["name"] for parent in json.loads(checkpoint.header.provenance)["parents"]] == [init.name]
    assert not run.state_path.exists()


def test_too_few_clips_for_a_batch_are_told(inputs, a_run):
    recipe = replace(PRETRAIN, optim=replace(PRETRAIN.optim, batch_size=64))
    with pytest.raises(InputError, match="3 halves give 40 clips an epoch, a batch needs 64"):
        train(inputs, "pretrain", a_run(), recipe)


def test_batch_norm_in_the_heads_tells_keys_apart_from_the_start():
    alike = {}
    for norm in ("none", "batch"):
        torch.manual_seed(0)
        recipe = replace(PRETRAIN, head_norm=norm)
        step = MocoStep(build_spatial(MODEL), recipe)
        loss_of(step, noise(32, 2), seed=2)
        keys = keys_of(step)[0]
        cosines = keys @ keys.T
        alike[norm] = (cosines.sum() - 32) / (32 * 31)
    assert alike["none"] > 0.8
    assert alike["batch"] < 0.2


def test_batch_norm_wants_the_whole_batch(inputs, a_run):
    recipe = replace(PRETRAIN, head_norm="batch", optim=replace(PRETRAIN.optim, accumulate=2))
    with pytest.raises(InputError, match="8 of which stay together, cannot be passed in 2 parts"):
        train(inputs, "pretrain", a_run(), recipe)
    records = []
    train(inputs, "pretrain", a_run(records=records), replace(PRETRAIN, head_norm="batch"))
    assert len(records) == 3
