"""Step 2 against Eq. 3-6 over the dense bank, its masks, its alignment in time, and its run."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.checkpoint import load_checkpoint
from comedian.models.spatial import build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.training import distill as module
from comedian.training.distill import DistillStep, distill
from comedian.training.run import Run
from comedian.weights.load import load_trunk
from comedian.weights.start import Start
from tests.training.stages import (
    CPU,
    DISTILL,
    FRAME_SIZE,
    MODEL,
    calm,
    generator,
    loss_of,
    noise,
    open_halves,
    train,
    write_half,
    write_tiny_bank,
)

LENGTH = MODEL.num_tokens


def rows_of(bank, number=3):
    return torch.randint(len(bank), (number, LENGTH), generator=generator(2))


@pytest.fixture
def bank(inputs):
    return Bank(inputs / "bank.h5")


def make_step(bank, **changes):
    torch.manual_seed(0)
    recipe = replace(calm(DISTILL), **{"mask_share": 0.5, **changes})
    step = DistillStep(build_spatial(recipe.model), TemporalTransformer(recipe.model), bank, recipe)
    torch.nn.init.normal_(step.temporal.mask_token)  # it starts at zero, which could hide a mistake
    return step


@pytest.fixture
def watched(monkeypatch):
    """The last view and masks that a step drew."""
    made = {}
    for name in ("apply", "draw_masks"):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *args, name=name, real=real: made.update({name: real(*args)}) or made[name]
        )
    return made


def student(step, video, mask):
    """z of each token: every tubelet encoded on its own, masked ones replaced, then placed in time."""
    tokens = torch.stack(
        [
            torch.stack(
                [
                    step.temporal.mask_token[0, 0]
                    if mask[window, token]
                    else step.spatial.encode(video[window : window + 1, :, 2 * token : 2 * token + 2])[0]
                    for token in range(mask.shape[1])
                ]
            )
            for window in range(len(video))
        ]
    )
    tokens = step.temporal.norm(step.temporal.blocks(tokens + step.temporal.time_embed))
    return F.normalize(step.projector(tokens), dim=-1)


def dense_loss(z, features, rows, temperature, temperature_m, sce_lambda):
    """Eq. 3-6, each token with all rows of the bank."""
    total = 0.0
    for token, own in zip(z.flatten(0, 1).double(), rows.flatten().tolist(), strict=True):
        s1 = (features @ token / temperature).softmax(0)
        others = (features != features[own]).any(1)
        s2 = (features @ features[own] / temperature_m).masked_fill(~others, -torch.inf).softmax(0)
        w = (1 - sce_lambda) * s2
        w[own] += sce_lambda
        total -= float(w @ s1.log())
    return total / rows.numel()


def test_the_loss_is_eq_3_to_6_over_the_complete_bank(bank, watched):
    step, rows = make_step(bank), rows_of(bank)
    loss = loss_of(step, noise(3), rows)
    mask = watched["draw_masks"]
    assert mask.sum(1).tolist() == [2, 2, 2]
    with torch.no_grad():
        z = student(step, watched["apply"], mask)
    features = torch.from_numpy(bank.features).double()
    assert loss.item() == pytest.approx(dense_loss(z, features, rows, 0.1, 0.07, 0.5), rel=1e-4)


def test_masked_tubelets_are_not_looked_at_and_count(bank, watched):
    step, rows, frames = make_step(bank).eval(), rows_of(bank), noise(3)
    encoded, encode = [], step.spatial.encode
    step.spatial.encode = lambda tubelets: encoded.append(len(tubelets)) or encode(tubelets)
    loss = loss_of(step, frames, rows)
    mask = watched["draw_masks"]
    assert encoded == [int((~mask).sum())]
    for window, token in mask.nonzero().tolist():
        changed = frames.clone()
        changed[window, 2 * token : 2 * token + 2] = 0
        assert torch.equal(loss_of(step, changed, rows), loss)
        other = rows.clone()
        other[window, token] = (rows[window, token] + 1) % len(bank)
        assert loss_of(step, frames, other) != loss
    window, token = (~mask).nonzero()[0].tolist()
    frames[window, 2 * token : 2 * token + 2] = 0
    assert loss_of(step, frames, rows) != loss


def test_gradients_reach_all_but_the_bank(bank):
    step = make_step(bank)
    loss_of(step, noise(3), rows_of(bank)).backward()
    assert all(parameter.grad is not None for parameter in step.parameters())
    assert not step.features.requires_grad
    assert {name for name in step.state_dict() if name in ("features", "soft")} == set()


def test_the_queue_gives_the_batch_its_negatives_and_takes_its_features(bank):
    step, rows = make_step(bank, candidates="queue"), rows_of(bank)
    before = step.queue.keys.clone()
    loss = loss_of(step, noise(3), rows)
    loss.backward()
    assert torch.equal(step.queue.keys, before)
    step.after_iteration(0, 1)
    features = torch.from_numpy(bank.features)
    assert torch.equal(step.queue.keys, torch.cat([features[rows.flatten()], before[rows.numel() :]]))
    assert loss_of(step, noise(3), rows) != loss  # other negatives, other loss


def test_the_queues_loss_is_dense_over_window_and_queue(bank, watched):
    step, rows = make_step(bank, candidates="queue", temperature_m=0.05), rows_of(bank)
    loss = loss_of(step, noise(3), rows)
    with torch.no_grad():
        z = student(step, watched["apply"], watched["draw_masks"])
    features, queue, expected = torch.from_numpy(bank.features).double(), step.queue.keys.double(), 0.0
    for window, own in zip(z, rows, strict=True):
        candidates = torch.cat([features[own], queue])
        expected += dense_loss(window[None], candidates, torch.arange(LENGTH)[None], 0.1, 0.05, 0.5) / 3
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_tokens_take_the_row_nearest_to_the_middle_of_their_frames(inputs, tmp_path, a_run, monkeypatch):
    """Frame k of half h is filled with k and h, so what arrives says where it comes from."""
    for (game, half), count in {("a", 1): 30, ("a", 2): 25, ("b", 1): 27}.items():
        images = np.zeros((count, *FRAME_SIZE[::-1], 3), np.uint8)
        images[..., 0] = np.arange(count)[:, None, None]
        images[..., 1] = half
        images[..., 2] = game == "b"
        write_half(tmp_path / "frames" / game / f"{half}_224p.h5", images, half)
    halves, bank, seen = open_halves(tmp_path), Bank(inputs / "bank.h5"), []

    def watched(step, frames, rows, drawn):
        seen.append((frames.clone(), rows))
        return step.projector[0].weight.sum()

    monkeypatch.setattr(DistillStep, "forward", watched)
    distill(halves, bank, DISTILL, a_run(), Start(str(inputs / "spatial.safetensors")))
    starts = set()
    for frames, rows in seen:
        for window, own in zip(frames[:, :, 0, 0].tolist(), rows.tolist(), strict=True):
            game, half = "ab"[window[0][2]], window[0][1]
            numbers = [number for number, *_ in window]
            assert numbers == list(range(numbers[0], numbers[0] + 2 * LENGTH))
            starts.add(numbers[0] % 2)
            some = bank.rows(game, half)
            for token, row in enumerate(own):
                middle = sum(numbers[2 * token : 2 * token + 2]) / 2 / 2  # seconds, 2 frames a second
                distances = np.abs(bank.seconds[some] - middle)
                assert row == some.start + int(np.argmin(distances))
    assert starts == {0, 1}
    assert len(seen) == 3 * (2 * DISTILL.windows_per_game // DISTILL.optim.batch_size)


@pytest.mark.parametrize(
    ("start", "expected"),
    [(0.25, [0, 1, 1, 2, 2, 3, 3]), (0.3, [1, 1, 2, 2, 3, 3, 4])],  # half-way it is the earlier row
)
def test_tokens_are_placed_by_the_times_of_their_frames(bank, start, expected):
    """Rows lie at whole seconds, the first tokens' middles at start + 0.25, 0.75 and 1.25 s."""
    half = SimpleNamespace(seconds=np.arange(8) / 2 + start, half=1)
    (rows,) = module._token_rows(bank, SimpleNamespace(files=[half], name_of=lambda number: "a"))
    assert (rows - bank.rows("a", 1).start).tolist() == expected


def test_a_run_leaves_both_transformers_and_the_projector(inputs, a_run, monkeypatch):
    steps = []
    monkeypatch.setattr(module, "DistillStep", lambda *args: steps.append(DistillStep(*args)) or steps[0])
    run = a_run()
    train(inputs, "distill", run)
    checkpoint = load_checkpoint(run.output, expect="distilled")
    (step,) = steps
    expected = {
        f"{part}.{name}": value
        for part in ("spatial", "temporal", "projector")
        for name, value in getattr(step, part).state_dict().items()
    }
    assert checkpoint.tensors.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in checkpoint.tensors.items())
    spatial, temporal = load_trunk(run.output)
    assert torch.equal(spatial.cls_token, step.spatial.cls_token)
    assert torch.equal(temporal.time_embed, step.temporal.time_embed)
    parents = [word for word in ("spatial.safetensors", "bank.h5") if word in checkpoint.header.provenance]
    assert len(parents) == 2
    assert not run.state_path.exists()


@pytest.mark.parametrize("copied", [True, False])
def test_temporal_blocks_start_from_spatial_ones(inputs, a_run, monkeypatch, copied):
    seen = []

    def watched(spatial, temporal, *others):
        pairs = zip(temporal.blocks, spatial.blocks, strict=True)
        seen.extend(torch.equal(ours.mlp.fc1.weight, theirs.mlp.fc1.weight) for ours, theirs in pairs)
        return DistillStep(spatial, temporal, *others)

    monkeypatch.setattr(module, "DistillStep", watched)
    train(inputs, "distill", a_run(), replace(DISTILL, copy_temporal=copied))
    assert seen == [copied] * MODEL.temporal_depth


def test_a_half_that_the_bank_lacks_is_told_before_training(inputs, tmp_path):
    halves, records = open_halves(inputs), []
    write_tiny_bank(tmp_path / "bank.h5", halves, leave_out=1)
    run = Run(tmp_path / "out", CPU, emit=records.append, report=lambda *call: records.append(call))
    with pytest.raises(InputError, match="holds no 'a', half 2"):
        distill(halves, Bank(tmp_path / "bank.h5"), DISTILL, run)
    assert not records


def test_unknown_candidates_are_told(inputs, a_run):
    with pytest.raises(InputError, match="candidates must be one of 'bank', 'queue', not 'all'"):
        train(inputs, "distill", a_run(), replace(DISTILL, candidates="all"))
