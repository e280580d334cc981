"""What a run would take: it grows with what is asked for, and says what fits."""

from dataclasses import replace

import pytest

from comedian.recipes.resolve import resolve
from comedian.training import outlook as room
from comedian.training.outlook import CPU_RECIPE, CPU_START, Outlook, outlook, remarks
from tests.training.stages import RECIPES


@pytest.fixture
def recipe():
    return RECIPES["finetune"]


@pytest.fixture
def steady(monkeypatch):
    """A machine that takes a second for a tubelet forward, 3 there and back, 5 a window, 7 a view."""
    monkeypatch.setattr(room, "_tried", lambda recipe, halves: room._Pace(1.0, 3.0, 5.0, 7.0))


def test_seconds_are_counted(halves, recipe, steady):
    """By hand: windows × epochs × (view + tokens that are seen + temporal); validation forward alone."""
    length, windows = recipe.model.num_tokens, recipe.windows_per_game * len(halves.names)
    seen = length * (1 - recipe.mask_share)
    from_scratch = windows * recipe.scratch_epochs * (7 + 3 * seen + 5)
    assert outlook(recipe, halves).seconds == pytest.approx(from_scratch)
    both = windows * (recipe.head.epochs * (7 + length + 5 / 3) + recipe.full.epochs * (7 + 3 * seen + 5))
    assert outlook(recipe, halves, None, "distilled").seconds == pytest.approx(both)
    assert outlook(recipe, halves, None, "spatial").seconds == pytest.approx(from_scratch)
    tubelets = sum(len(file) for file in halves.files) / 2
    validated = outlook(recipe, halves, halves).seconds - from_scratch
    judged = tubelets // (length // 2) * 5 / 3
    assert validated == pytest.approx(recipe.scratch_epochs * (tubelets + judged))
    again = outlook(recipe, halves, recompute=True).seconds
    assert again - from_scratch == pytest.approx(windows * recipe.scratch_epochs * seen)


def test_what_is_frozen_is_passed_once(halves, recipe, steady):
    frozen = replace(recipe, freeze=True, frozen_views=3)
    length, windows = recipe.model.num_tokens, recipe.windows_per_game * len(halves.names)
    tubelets = sum(len(file) for file in halves.files) / 2
    once = tubelets * (1 + 3 * (1 + 7 / length))
    assert outlook(frozen, halves).seconds == pytest.approx(once + windows * frozen.frozen.epochs * 5)
    more = replace(frozen, unfrozen_epochs=2)
    full = 2 * windows * (7 + 3 * length * (1 - recipe.mask_share) + 5)
    assert outlook(more, halves).seconds - outlook(frozen, halves).seconds == pytest.approx(full)
    large = replace(resolve("finetune", "vivit-tiny"), windows_per_game=64, model=recipe.model)
    least, most = (outlook(replace(large, freeze=freeze), halves).memory_bytes for freeze in (True, False))
    assert least < most


def test_memory_grows_with_what_passes_together(halves, recipe, steady):
    batch = replace(recipe, windows_per_game=100)
    large, parts = (
        replace(batch, full=replace(batch.full, batch_size=64, accumulate=number)) for number in (1, 8)
    )
    found = [outlook(one, halves).memory_bytes for one in (batch, parts, large)]
    assert found[0] < found[1] < found[2]


def test_the_trial_is_of_this_network(halves, recipe):
    """Twice the blocks take longer; a wide margin, for the machine may be busy."""
    small, large = (replace(recipe, model=replace(recipe.model, depth=depth)) for depth in (1, 24))
    assert 0 < outlook(small, halves).seconds < outlook(large, halves).seconds


def test_what_is_said(halves, recipe, steady, monkeypatch):
    monkeypatch.setattr(room, "machine_bytes", lambda: 8 * 10**9)
    long = replace(recipe, scratch_epochs=10_000, full=replace(recipe.full, epochs=10_000))
    assert len(remarks("vivit-tiny", long, halves)) == 1  # these halves are shorter than its windows
    monkeypatch.setattr(room, "resolve", lambda stage, name: recipe)
    first, second = remarks("vivit-tiny", long, halves)
    assert first.startswith("vivit-tiny on this CPU, by a short trial: about ")
    assert first.endswith(" GB of memory (of 8 GB)")
    assert second.startswith(f"--recipe {CPU_RECIPE} --init {CPU_START} takes about ")
    second = remarks("vivit-tiny", long, halves, start_kind="distilled")[1]
    assert second.startswith("--frozen takes about ")
    frozen = replace(long, freeze=True, frozen=replace(long.frozen, epochs=10_000))
    assert "fewer --epochs" in remarks("vivit-tiny", frozen, halves, start_kind="distilled")[1]
    assert len(remarks(CPU_RECIPE, long, halves)) == 1
    monkeypatch.setattr(room, "LONG_HOURS", 1e9)
    assert len(remarks("vivit-tiny", long, halves)) == 1
    monkeypatch.setattr(room, "machine_bytes", lambda: 10**8)
    assert len(remarks("vivit-tiny", long, halves)) == 2


def test_lengths_are_for_people():
    assert str(Outlook(20, 1.24e9)) == "about 1 minute and 1.24 GB of memory"
    assert str(Outlook(3000, 5e8)) == "about 50 minutes and 0.5 GB of memory"
    assert str(Outlook(3600 * 1234, 1.28e11)) == "about 1,234 hours and 128 GB of memory"
