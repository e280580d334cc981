"""The loop on a toy module: rates, clipping, seeds, records, and what a state file may not be."""

import math
import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from comedian.errors import InputError
from comedian.recipes.stages import OptimRecipe
from comedian.training import loop
from comedian.training.loop import Stage, autocast, fit
from comedian.training.optim import adamw
from comedian.training.schedule import learning_rate
from comedian.training.state import interrupted_stage
from tests.training.conftest import interrupted
from tests.training.stages import CPU

OPTIM = OptimRecipe(epochs=4, batch_size=2, base_lr=1.0, warmup_epochs=1, final_lr=0.1, clip_norm=0.5)
STEPS, PEAK = 3, 0.05


@dataclass(frozen=True)
class ToyRecipe:
    precision: str = "fp32"
    optim: OptimRecipe = OPTIM


@dataclass(frozen=True)
class OtherRecipe:
    precision: str = "fp32"


class Toy(nn.Module):
    """Fits noise with one matrix; `scale` makes its gradients long."""

    def __init__(self, recipe=ToyRecipe(), scale=100.0, width=4):
        super().__init__()
        torch.manual_seed(0)
        self.recipe, self.scale = recipe, scale
        self.draw = lambda batch, generator: torch.rand(batch, width, generator=generator)
        self.weight, self.bias = nn.Parameter(torch.randn(width, width)), nn.Parameter(torch.zeros(width))
        self.seen = []

    def forward(self, x, drawn):
        noise = drawn + torch.rand(x.shape)  # both generators count
        self.seen.append((self.training, noise))
        return self.scale * ((x + noise) @ self.weight + self.bias).square().mean()


def toy_batches(epoch, first=0):
    return ((torch.full((2, 4), float(epoch + number)),) for number in range(first, STEPS))


def fit_toy(run, step=None, name="toy", optim=OPTIM, steps=STEPS, batches=toy_batches, **hooks):
    step = step or Toy()
    of_stage = {key: hooks.pop(key) for key in ("after_iteration",) if key in hooks}
    epochs = SimpleNamespace(iterations=steps, batches=batches)
    fit(Stage(name, step, optim, PEAK, epochs, {}, **of_stage), run, **hooks)
    return step


@pytest.fixture
def steps_taken(monkeypatch):
    """(learning rates, norm of the gradient, number of parameters with a history) at each step."""
    taken = []

    def watch(optimizer, args, kwargs):
        groups = optimizer.param_groups
        gradients = [value.grad.flatten() for group in groups for value in group["params"]]
        taken.append(([group["lr"] for group in groups], torch.cat(gradients).norm(), len(optimizer.state)))

    def watched(*args):
        optimizer = adamw(*args)
        optimizer.register_step_pre_hook(watch)
        return optimizer

    monkeypatch.setattr(loop, "adamw", watched)
    return taken


def test_each_step_has_its_learning_rate(a_run, steps_taken):
    fit_toy(a_run())
    rates = [rate for rates, _, _ in steps_taken for rate in rates]
    expected = [learning_rate(step, STEPS, OPTIM, PEAK) for step in range(4 * STEPS) for _ in range(2)]
    assert rates == expected
    assert expected[0] == 0
    assert max(expected) == PEAK


def test_gradients_are_clipped_to_the_recipes_norm(a_run, steps_taken):
    fit_toy(a_run(), Toy(scale=1000.0))
    assert [float(norm) for _, norm, _ in steps_taken] == pytest.approx([0.5] * 12, rel=1e-4)
    steps_taken.clear()
    fit_toy(a_run(), Toy(scale=1e-6))  # short ones stay as they are
    assert all(0 < norm < 1e-3 for _, norm, _ in steps_taken)


def test_a_record_an_epoch_and_a_call_a_step(a_run):
    records, calls, told = [], [], []
    run = a_run(records=records, report=lambda *call: told.append(call))
    fit_toy(
        run,
        after_iteration=lambda *call: calls.append(call),
        after_epoch=lambda epoch: {"score": 10 * epoch},
    )
    assert [list(record) for record in records] == [
        ["stage", "epoch", "loss", "lr", "seconds", "score"]
    ] * 4
    assert [record["epoch"] for record in records] == [1, 2, 3, 4]
    assert [record["score"] for record in records] == [0, 10, 20, 30]
    assert [record["lr"] for record in records] == [
        learning_rate(step, STEPS, OPTIM, PEAK) for step in (2, 5, 8, 11)
    ]
    assert calls == [(number, 12) for number in range(12)]
    assert [call[:3] for call in told[:4]] == [("training", done, 16) for done in (1, 2, 3, 5)]
    assert [note.split(",")[0] for *_, note in told] == [
        f"toy {epoch}/4" for epoch in (1, 2, 3, 4) for _ in range(3)
    ]


def test_the_loss_of_a_record_is_the_mean_of_the_epoch(a_run):
    records, losses = [], []

    class Heard(Toy):
        def forward(self, *inputs):
            losses.append(super().forward(*inputs))
            return losses[-1]

    fit_toy(a_run(records=records), Heard())
    means = [torch.stack(losses[start : start + 3]).mean().item() for start in range(0, 12, 3)]
    assert [record["loss"] for record in records] == pytest.approx(means)


def test_draws_depend_on_the_seed_the_stage_and_the_step(a_run):
    def noise(name="toy", **changes):
        return torch.stack([noise for _, noise in fit_toy(a_run(**changes), name=name).seen])

    first = noise()
    assert len({tuple(step.flatten().tolist()) for step in first}) == 12
    torch.rand(100)  # what is drawn elsewhere does not matter
    assert torch.equal(noise(), first)
    assert not torch.isin(noise(seed=1), first).any()
    assert not torch.isin(noise(name="other"), first).any()


def test_every_epoch_trains_in_training_mode(a_run):
    step = Toy()
    fit_toy(a_run(), step, after_epoch=lambda epoch: step.eval() and {})
    assert all(training for training, _ in step.seen)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_lost_loss_is_told_and_nothing_is_kept_of_its_epoch(a_run, value):
    records = []

    def batches(epoch, first):
        return ((x * value if epoch == 2 else x,) for (x,) in toy_batches(epoch))

    run = a_run(records=records)
    with pytest.raises(InputError, match=r"^toy: the loss is (nan|inf) in epoch 3.*learning rate") as told:
        fit_toy(run, batches=batches)
    assert "\n" not in str(told.value)
    assert len(records) == 2
    assert torch.load(run.state_path, weights_only=True)["epoch"] == 2


@pytest.mark.parametrize("weight", [math.nan, 4e27])
def test_weights_that_diverged_are_told_and_never_kept(a_run, weight):
    step, run = Toy(), a_run()

    def ruin(epoch):
        if epoch == 1:
            step.bias.data[0] = weight
            step.forward = lambda x, drawn: 0 * step.weight.sum()  # the loss shows nothing
        return {}

    words = f"toy: a weight is {weight:g} in epoch 3; lower the learning rate"
    with pytest.raises(InputError, match=f"^{re.escape(words)}"):
        fit_toy(run, step, after_epoch=ruin)
    assert torch.load(run.state_path, weights_only=True)["epoch"] == 2


def test_precision_is_the_recipes(a_run):
    seen = []

    class Heard(Toy):
        def forward(self, x, drawn):
            seen.append((x @ self.weight).dtype)
            return super().forward(x, drawn)

    for precision in ("fp32", "auto", "bf16"):
        fit_toy(a_run(), Heard(ToyRecipe(precision)), optim=replace(OPTIM, epochs=1))
    assert seen == [torch.float32] * 6 + [torch.bfloat16] * 3
    with pytest.raises(InputError, match=r"precision must be one of .*, not 'half'"):
        autocast(CPU, "half")


def interrupt(run, after=2, kept=True):
    """Stop a toy run when epoch `after` is kept, or just before that; return its records."""
    records = []
    with interrupted(after, kept):
        fit_toy(replace(run, emit=records.append))
    return records


def without_seconds(records):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


@pytest.mark.parametrize("stop", range(1, 12))
@pytest.mark.parametrize("state_iterations", [1, 2, 1000])
def test_a_run_stopped_at_any_step_resumes(a_run, monkeypatch, stop, state_iterations):
    monkeypatch.setattr(loop, "STATE_ITERATIONS", state_iterations)
    records, calls, run = [], [], a_run(records=[])
    whole = fit_toy(a_run("whole", records))

    def report(task, done, total, note):
        calls.append((task, done))
        if len(calls) == stop:
            raise KeyboardInterrupt

    found = []
    run = replace(run, emit=found.append, report=report)
    with pytest.raises(KeyboardInterrupt):
        fit_toy(run)
    resumed = fit_toy(replace(run, resume=True))
    assert torch.equal(resumed.weight, whole.weight)
    assert without_seconds(found) == without_seconds(records)
    kept = [step for step in range(stop) if step % STEPS == 0 or step % STEPS % state_iterations == 0]
    assert len(calls) == stop + 12 - max(kept), "only what came after the last state is done again"


@pytest.mark.parametrize("after", [1, 3, 4])
def test_a_resumed_run_is_the_uninterrupted_one(a_run, after):
    records, run = [], a_run()
    whole = fit_toy(a_run("whole", records))
    begun = interrupt(run, after)
    rest = []
    resumed = fit_toy(replace(run, resume=True, emit=rest.append))
    assert torch.equal(resumed.weight, whole.weight)
    assert torch.equal(resumed.bias, whole.bias)
    assert without_seconds(begun + rest) == without_seconds(records)
    assert len(rest) == 4 - after


@pytest.mark.parametrize("after", [1, 3, 4])
def test_an_epoch_stopped_before_it_was_kept_is_told_again(a_run, after):
    records, run = [], a_run()
    whole = fit_toy(a_run("whole", records))
    begun = without_seconds(interrupt(run, after, kept=False))
    rest = []
    resumed = fit_toy(replace(run, resume=True, emit=rest.append))
    assert torch.equal(resumed.weight, whole.weight)
    assert len(begun) == after
    assert begun[:-1] + without_seconds(rest) == without_seconds(records)
    assert begun[-1] == without_seconds(rest)[0]


def test_without_a_state_resuming_begins_anew(a_run):
    records = []
    assert interrupted_stage(a_run().state_path) is None
    fit_toy(a_run(records=records, resume=True))
    assert len(records) == 4


def test_a_later_stage_begins_anew_behind_an_earlier_one(a_run):
    run, records = a_run(), []
    fit_toy(run, name="first")
    assert interrupted_stage(run.state_path) == "first"
    fit_toy(replace(run, resume=True, emit=records.append), name="second")
    assert [record["epoch"] for record in records] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "was begun with seed = 0, now it is 1"),
        ({"made_from": {"--init": "b"}}, "was begun with --init = 'a', now it is 'b'"),
        ({"made_from": {"--init": None}}, "was begun with --init = 'a', now it is None"),
        ({"steps": 2, "batches": lambda epoch, first: []}, "steps an epoch of toy = 3"),
        ({"step": Toy(ToyRecipe("bf16"))}, "recipe.precision = 'fp32', now it is 'bf16'"),
        (
            {"step": Toy(ToyRecipe(optim=replace(OPTIM, epochs=9)))},
            r"recipe.optim.epochs = 4, now it is 9",
        ),
        ({"step": Toy(OtherRecipe())}, "recipe = 'ToyRecipe', now it is 'OtherRecipe'"),
        ({"step": Toy(OtherRecipe()), "name": "other"}, "recipe = 'ToyRecipe', now it is 'OtherRecipe'"),
        ({"step": Toy(width=5)}, "is of another network: .*size mismatch"),
    ],
)
def test_the_state_of_another_run_is_told(a_run, change, told):
    run = a_run(made_from={"--init": "a"})
    interrupt(run)
    kept = run.state_path.read_bytes()
    of_run = {key: change[key] for key in ("seed", "made_from") if key in change}
    run = replace(run, resume=True, **of_run)
    options = {key: value for key, value in change.items() if key not in of_run}
    with pytest.raises(InputError, match=told) as error:
        fit_toy(run, **options)
    assert str(run.state_path) in str(error.value)
    assert "\n" not in str(error.value)
    assert run.state_path.read_bytes() == kept


def broken_states(path):
    whole = path.read_bytes()
    yield b""
    yield b"no state at all"
    yield whole[: len(whole) // 2]
    yield whole[: -len(whole) // 10]
    yield whole.replace(b"toy", b"TOY")  # a checksum fails
    for foreign in ({"weights": torch.zeros(2)}, torch.zeros(3), [1, 2]):
        torch.save(foreign, path)
        yield path.read_bytes()


def test_a_damaged_state_is_told(a_run):
    run = a_run()
    interrupt(run)
    for content in list(broken_states(run.state_path)):
        run.state_path.write_bytes(content)
        with pytest.raises(InputError, match=r"damaged, or not a state.*begin anew") as error:
            fit_toy(replace(run, resume=True))
        assert "\n" not in str(error.value)
        assert run.state_path.read_bytes() == content
