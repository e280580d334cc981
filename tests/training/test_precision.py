"""Precision "auto" is decided before a run: as its state has it, by the card, or by a trial."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from comedian import devices
from comedian.errors import InputError
from comedian.recipes.resolve import resolve
from comedian.recipes.stages import STAGES
from comedian.training import precision as room
from comedian.training.precision import fastest_of, settled
from comedian.training.state import Place, save_state
from tests.training.stages import RECIPES

CPU = torch.device("cpu")
ABLATION = str(Path(__file__).parents[1] / "bench/ablation.toml")


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """processor(flags): let this machine have such a processor."""

    def make(flags, name="flags"):
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor\t: 0\n{name}\t\t: fpu {flags}\n\nprocessor\t: 1\n{name}\t\t: fpu\n")
        monkeypatch.setattr(devices, "CPU_INFO", info)

    return make


@pytest.fixture
def trials(monkeypatch):
    """trials(seconds in float32, in bfloat16): let a trial find that; what was tried is listed."""
    tried = []

    def make(full, half):
        def trial(*what):
            tried.append(what)
            return full, half

        monkeypatch.setattr(room, "_trial", trial)
        return tried

    return make


@pytest.mark.parametrize(
    ("flags", "name", "has"),
    [
        ("avx512f avx512_bf16", "flags", True),
        ("amx_bf16 amx_tile", "flags", True),
        ("asimd bf16", "Features", True),
        ("avx512f avx512_bf16x", "flags", False),
        ("avx2", "flags", False),
        ("avx512_bf16", "bugs", False),
    ],
)
def test_what_a_processor_has(processor, flags, name, has):
    processor(flags, name)
    assert devices.cpu_has_bf16() == has


def test_of_an_unknown_processor_nothing_is_tried(monkeypatch, tmp_path, trials):
    monkeypatch.setattr(devices, "CPU_INFO", tmp_path / "none")
    tried = trials(2.0, 1.0)
    recipe, why = settled(RECIPES["distill"], CPU)
    assert (recipe.precision, why, tried) == ("fp32", "", [])


@pytest.mark.parametrize(("half", "chosen"), [(0.5, "bf16"), (0.8, "bf16"), (0.9, "fp32"), (2.0, "fp32")])
def test_a_cpu_that_has_bfloat16_is_tried(processor, trials, half, chosen):
    """Bfloat16 is taken where it is a quarter faster."""
    processor("avx512_bf16")
    trials(1.0, half)
    recipe, why = settled(RECIPES["distill"], CPU)
    assert recipe == replace(RECIPES["distill"], precision=chosen)
    assert why == f"by a trial: 1000 ms in float32, {1000 * half:.0f} in bfloat16"


def test_what_is_trained_is_tried(processor, trials):
    processor("amx_bf16")
    tried = trials(1.0, 1.0)
    frozen = replace(RECIPES["finetune"], freeze=True)
    for recipe in (RECIPES["pretrain"], RECIPES["distill"], RECIPES["finetune"], frozen):
        settled(recipe, CPU)
    settled(replace(frozen, unfrozen_epochs=1), CPU)
    assert [what[1:] for what in tried] == [
        (True, False),
        (True, True),
        (True, True),
        (False, True),
        (True, True),
    ]
    assert all(what[0] == RECIPES["distill"].model for what in tried)


def test_a_recipe_that_insists_is_not_tried(processor, trials):
    processor("amx_bf16")
    tried = trials(1.0, 0.1)
    insisting = replace(RECIPES["distill"], precision="fp32")
    assert settled(insisting, CPU) == (insisting, "as the recipe says")
    assert not tried


def test_a_run_that_goes_on_keeps_its_precision(processor, trials, tmp_path):
    processor("amx_bf16")
    tried = trials(1.0, 2.0)
    state, recipe = tmp_path / "a.resume", RECIPES["distill"]
    step = torch.nn.Linear(1, 1)
    for begun in ("bf16", "fp32", "auto"):
        identity = {"recipe": replace(recipe, precision=begun)}
        save_state(state, Place("distill"), identity, step, torch.optim.AdamW(step.parameters()))
        found, why = settled(recipe, CPU, state)
        assert (found.precision, why) == (begun, "as the run was begun")
    assert not tried
    state.write_bytes(b"nothing")
    with pytest.raises(InputError, match="is damaged"):
        settled(recipe, CPU, state)
    assert settled(recipe, CPU, tmp_path / "none").recipe.precision == "fp32"


def test_a_card_decides_by_its_generation(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert settled(RECIPES["distill"], torch.device("cuda"))[0].precision == "bf16"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    recipe, why = settled(RECIPES["distill"], torch.device("cuda"))
    assert (recipe.precision, why) == ("fp32", "for bfloat16 is emulated there")


def test_the_trial_is_real_and_draws_nothing(processor, monkeypatch):
    """Of both transformers, once in a process; the generator that weights are drawn from is left alone."""
    processor("avx512_bf16")
    room._trial.cache_clear()
    seen = []

    def timed(first, second):
        for call in (first, second):
            call()
            seen.append(call)
        return 2.0, 1.0

    monkeypatch.setattr(room, "fastest_of", timed)
    before = torch.get_rng_state()
    assert [settled(RECIPES["finetune"], CPU).recipe.precision for _ in range(2)] == ["bf16", "bf16"]
    assert len(seen) == 2
    assert torch.equal(torch.get_rng_state(), before)
    room._trial.cache_clear()


def test_calls_are_timed_in_turns(monkeypatch):
    seconds = {"a": iter((0.4, 0.1, 0.2)), "b": iter((0.2, 0.1, 0.3))}
    now, order = [0.0], []

    def call(name):
        order.append(name)
        now[0] += next(seconds[name])

    monkeypatch.setattr(room.time, "perf_counter", lambda: now[0])
    assert fastest_of(lambda: call("a"), lambda: call("b")) == pytest.approx((0.1, 0.1))
    assert "".join(order) == "ababab"


def test_the_ablation_insists_on_nothing():
    for stage in STAGES:
        assert resolve(stage, ABLATION).precision == "auto"
