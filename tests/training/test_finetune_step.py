"""Step 3's loss and labels: cross-entropy, mixup, and who is positive when."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from comedian.formats.actions import Action
from comedian.models.spotter import Spotter
from comedian.training import finetune as module
from comedian.training.finetune import FinetuneStep, finetune
from comedian.training.targets import targets_of
from tests.training.stages import CLASSES, FINETUNE, MODEL, calm, generator, loss_of, noise

LENGTH = MODEL.num_tokens


def some_labels(number=4):
    return torch.randint(2, (number, LENGTH, len(CLASSES)), generator=generator(2)).float()


def no_times(number=4):
    return torch.full((number, LENGTH, len(CLASSES)), torch.nan)


def targets(actions, recipe):
    return targets_of(SimpleNamespace(seconds=np.arange(9) / 2), actions, recipe)


def make_step(**changes):
    torch.manual_seed(0)
    recipe = replace(calm(FINETUNE), **changes)
    return FinetuneStep(Spotter(recipe.model, CLASSES, recipe.offset_reach_seconds), recipe)


def test_mixup_is_a_loss_with_soft_labels(monkeypatch):
    monkeypatch.setattr(module, "draw_mixup", lambda *_: torch.tensor([0.3, 0.9, 0.5, 1.0]))
    step, labels = make_step(mask_share=0.0, mixup_alpha=0.1), some_labels()
    heard = {}
    step.spotter.spatial.register_forward_hook(lambda _, inputs, tokens: heard.update(video=inputs[0]))
    step.spotter.heads.register_forward_hook(lambda _, inputs, found: heard.update(logits=found["classes"]))
    loss = loss_of(step, noise(4), labels, no_times())
    plain = make_step(mask_share=0.0, mixup_alpha=0.0)
    plain.spotter.spatial.register_forward_hook(lambda _, inputs, tokens: heard.update(unmixed=inputs[0]))
    loss_of(plain, noise(4), labels, no_times())
    total, unmixed = 0.0, heard["unmixed"]
    for window, (partner, share) in enumerate([(1, 0.3), (0, 0.9), (3, 0.5), (2, 1.0)]):
        mixed = share * unmixed[window] + (1 - share) * unmixed[partner]
        torch.testing.assert_close(heard["video"][window], mixed)
        logits = heard["logits"][window]
        for weight, target in ((share, labels[window]), (1 - share, labels[partner])):
            total += weight * F.binary_cross_entropy(logits.sigmoid(), target).item() / 4
    assert loss.item() == pytest.approx(total, rel=1e-5)


def test_without_mixup_it_is_plain_cross_entropy():
    step, labels, heard = make_step(mixup_alpha=0.0), some_labels(), []
    step.spotter.spatial.register_forward_hook(lambda _, inputs, tokens: heard.append(~inputs[1]))
    step.spotter.heads.register_forward_hook(
        lambda _, inputs, found: heard.append(found["classes"].sigmoid())
    )
    loss = loss_of(step, noise(4), labels, no_times())
    mask, p = heard
    assert loss.item() == pytest.approx(
        -(labels * p.log() + (1 - labels) * (1 - p).log()).mean().item(), rel=1e-5
    )
    assert mask.sum(1).tolist() == [1] * 4  # a quarter of 4 tokens


def test_an_odd_window_out_stays_as_it_is():
    assert module._partners(5).tolist() == [1, 0, 3, 2, 4]
    assert module._partners(1).tolist() == [0]


def test_labels_of_a_half_by_a_truth_table():
    actions = [
        Action(1, 0, "Goal"),
        Action(1, 1500, "Foul", "not shown"),
        Action(1, 2250, "Goal"),
        Action(1, 4200, "Foul"),  # just after the last frame
        Action(1, 1500, "Corner"),  # no class of the recipe
    ]
    labels = targets(actions, FINETUNE).labels  # frames at 0, 0.5 … 4 s
    goal = [1, 1, 0, 0, 1, 1, 0, 0, 0]  # 0 and 0.5 s, exactly the radius; 2 and 2.5 s around 2.25 s
    foul = [0, 0, 1, 1, 1, 0, 0, 0, 1]  # 1, 1.5 and 2 s, not shown like the others; 4 s is 0.2 s away
    assert labels.T.tolist() == [goal, foul]
    assert targets([], FINETUNE).labels.sum() == 0


def test_offsets_are_the_time_to_the_nearest_action_in_reach():
    actions = [Action(1, 1000, "Goal"), Action(1, 3500, "Goal"), Action(1, 1500, "Corner")]
    some = replace(FINETUNE, radius_seconds=1.5, offset_reach_seconds=2.0)
    found = targets(actions, some)
    labels, times = found.of_window(0, 8)  # tokens at 0.25, 1.25, 2.25 and 3.25 s
    assert times[:, 0].tolist() == [0.75, -0.25, -1.25, 0.25]  # 2.25 s is as far from both: the first
    assert times[:, 1].isnan().all(), "no Foul"
    assert labels[:, 0].tolist() == [1, 1, 1, 1]
    near = targets(actions, replace(some, offset_reach_seconds=0.5)).times[::2, 0]
    assert near[[1, 3]].tolist() == [-0.25, 0.25]
    assert near[[0, 2]].isnan().all()


def test_gaussian_labels_fall_off_around_the_action():
    labels = targets([Action(1, 2000, "Goal")], replace(FINETUNE, sigma_seconds=1.0)).labels[:, 0]
    assert labels.tolist() == pytest.approx(
        [np.exp(-((t - 2) ** 2) / 2) for t in np.arange(9) / 2], rel=1e-6
    )


@pytest.mark.parametrize("share", [None, (0.3, 0.9, 0.5, 1.0)])
def test_the_offsets_loss_joins_and_is_mixed_as_the_videos_are(monkeypatch, share):
    changes = {"offset_reach_seconds": 2.0, "offset_weight": 0.5, "mask_share": 0.0}
    step = make_step(mixup_alpha=0.1 if share else 0.0, **changes)
    monkeypatch.setattr(module, "draw_mixup", lambda *_: torch.tensor(share))
    labels, times = some_labels(), no_times()
    times[:, 0, 0], times[2, 1, 1] = torch.tensor([0.2, -1.0, 0.4, 2.0]), -0.3
    heard = {}
    step.spotter.heads.register_forward_hook(lambda _, inputs, found: heard.update(found))
    loss = loss_of(step, noise(4), labels, times) - loss_of(step, noise(4), labels, no_times())
    wanted = 0.0
    for window, (partner, own) in enumerate(zip([1, 0, 3, 2], share or [1.0] * 4, strict=True)):
        for weight, goal in ((own, times[window]), (1 - own, times[partner])):
            for error in (heard["offsets"][window] - goal).flatten().tolist():
                if error == error:
                    small = abs(error) < 0.5
                    wanted += weight * (error**2 if small else abs(error) - 0.25)
    assert loss.item() == pytest.approx(0.5 * wanted / times.numel(), rel=1e-4)


def test_windows_arrive_with_the_labels_of_their_frames(halves, a_run, monkeypatch):
    """Actions lie so far apart that labels say where a window was cut; frames are looked up to check."""
    seen = []

    def watched(step, frames, labels, times, drawn):
        seen.append((frames.clone(), labels))
        return step.spotter.heads.classes.weight.sum()

    monkeypatch.setattr(FinetuneStep, "forward", watched)
    actions = [[Action(file.half, 5250, "Foul")] for file in halves.files]  # frames 10 and 11
    finetune(halves, actions, FINETUNE, a_run())
    contents = [file.read(range(len(file))) for file in halves.files]
    found = set()
    for frames, labels in seen:
        for window, wanted in zip(frames.numpy(), labels, strict=True):
            ((half, start),) = [
                (half, start)
                for half, content in enumerate(contents)
                for start in range(len(content) - 2 * LENGTH + 1)
                if np.array_equal(content[start : start + 2 * LENGTH], window)
            ]
            inside = [any(start + 2 * token + k in (10, 11) for k in (0, 1)) for token in range(LENGTH)]
            assert wanted[:, 1].tolist() == [float(value) for value in inside]
            assert wanted[:, 0].sum() == 0
            found.add((half, start))
    assert {half for half, _ in found} == {0, 1, 2}
