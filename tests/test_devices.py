"""Which device is taken, in which precision, and what is said of it; on cards that are not there."""

import pytest
import torch

from comedian.devices import describe, has_bf16, pick_device, rough_products
from comedian.errors import InputError

WHEEL = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
CARDS = {
    "GTX 1080": (6, 1),
    "RTX 2080": (7, 5),
    "A100": (8, 0),
    "RTX 4090": (8, 9),
    "H100": (9, 0),
    "RTX 5090": (12, 0),
    "of tomorrow": (13, 0),
}


@pytest.fixture
def machine(monkeypatch):
    """machine(cards…, kinds=what torch has code for): let there be such cards."""

    def make(*names, kinds=WHEEL):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(names))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(kinds))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: names[_number(device)])
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda device: CARDS.get(names[_number(device)], (9, 4))
        )

    return make


def _number(device):
    return device if isinstance(device, int) else device.index or 0


@pytest.mark.parametrize(
    ("cards", "device"),
    [
        ([], "cpu"),
        (["GTX 1080"], "cpu"),
        (["of tomorrow"], "cpu"),
        (["RTX 2080"], "cuda"),
        (["RTX 4090"], "cuda"),  # code of 8.6 runs on 8.9
        (["GTX 1080", "A100"], "cuda:1"),
        (["A100", "GTX 1080"], "cuda"),
    ],
)
def test_auto_takes_a_card_that_torch_has_code_for(machine, cards, device):
    machine(*cards)
    assert pick_device("auto") == torch.device(device)


def test_code_to_translate_runs_on_later_cards(machine):
    machine("of tomorrow", kinds=["sm_90", "compute_90"])
    assert pick_device("auto").type == "cuda"
    machine("GTX 1080", kinds=["sm_90", "compute_90"])
    assert pick_device("auto").type == "cpu"
    machine("H100", kinds=["sm_90a"])
    assert pick_device("auto").type == "cuda"
    machine("MI300", kinds=["gfx90a", "gfx942"])  # ROCm
    assert pick_device("auto").type == "cuda"


def test_a_card_asked_for_without_code_is_refused_in_words(machine):
    machine("A100", "GTX 1080")
    assert pick_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(InputError, match=r"no code for GTX 1080 \(compute capability 6.1\); use auto or"):
        pick_device("cuda:1")
    with pytest.raises(InputError, match="this machine has no device 'cuda:2'"):
        pick_device("cuda:2")
    with pytest.raises(InputError, match="unknown device 'gpu'"):
        pick_device("gpu")


def test_bfloat16_is_for_cards_that_have_it(machine):
    for name, native in (("RTX 2080", False), ("A100", True), ("RTX 5090", True)):
        machine(name)
        assert has_bf16(torch.device("cuda")) == native
    assert not has_bf16(torch.device("cpu"))


@pytest.mark.parametrize(
    ("cards", "asked", "precision", "line"),
    [
        ([], "auto", "auto", "on the CPU, float32; there is no CUDA device"),
        ([], "cpu", "auto", "on the CPU, float32"),
        ([], "cpu", "bf16", "on the CPU, bfloat16 as the recipe says"),
        (["A100"], "auto", "auto", "on A100, bfloat16"),
        (["A100"], "cuda", "fp32", "on A100, float32 as the recipe says"),
        (["RTX 2080"], "auto", "auto", "on RTX 2080, float32, for bfloat16 is emulated there"),
    ],
)
def test_one_line_says_device_precision_and_why(machine, cards, asked, precision, line):
    machine(*cards)
    assert describe(asked, pick_device(asked), precision) == line


def test_cards_left_alone_are_named(machine):
    machine("GTX 1080")
    said = describe("auto", pick_device("auto"))
    assert said.startswith("on the CPU, float32; torch ")
    assert said.endswith("has no code for GTX 1080 (compute capability 6.1)")


@pytest.mark.parametrize("before", ["highest", "medium"])
def test_products_are_rough_on_a_card_within_the_block_alone(before):
    told = torch.get_float32_matmul_precision
    was = told()
    torch.set_float32_matmul_precision(before)
    try:
        with rough_products(torch.device("cpu")):
            assert told() == before
        with pytest.raises(ValueError, match="broken"), rough_products(torch.device("cuda")):
            raise ValueError("broken")
        assert told() == before
        with rough_products(torch.device("cuda")):
            assert told() == "high"
        assert told() == before
    finally:
        torch.set_float32_matmul_precision(was)
