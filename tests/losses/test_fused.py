"""The fused attention read against the plain one: by Triton's interpreter on a CPU, as it is on a card."""

import os
import subprocess
import sys
from itertools import product

import pytest
import torch

from comedian.losses.attention import attend
from tests.losses.test_sce import unit

pytest.importorskip("triton", reason="torch for CUDA brings it")

SIZES = [(70, 301, 32), (5, 3, 16), (64, 1000, 64)]  # N, U, K: tiles filled and not
WAYS = [*product((False, True), repeat=2)]  # rows counted, one row left out


def deviations(
    device: str, dtype: torch.dtype, size: tuple, ways: tuple, temperature: float
) -> list[float]:
    """How far logsumexp and mean are from those of the same rounded factors in float64."""
    from comedian.losses.fused import attend_fused

    number, rows_number, width = size
    counted, spared = ways
    rows = unit(1, rows_number, width, dtype=torch.float32).to(device, dtype)
    query = unit(2, number, width, dtype=torch.float32).to(device)
    draw = torch.Generator().manual_seed(3)
    counts = (
        torch.randint(1, 4, (rows_number,), generator=draw).float().log().to(device) if counted else None
    )
    left_out = torch.randint(rows_number, (number,), generator=draw).to(device) if spared else None
    found = attend_fused(query / temperature, rows, counts, left_out)
    wanted = attend(query.double(), rows.double(), temperature, log_counts=counts, left_out=left_out)
    return [float((a - b).norm() / b.norm()) for a, b in zip(found, wanted, strict=True)]


def test_the_interpreted_kernel_gives_what_the_plain_read_gives():
    done = subprocess.run(
        [sys.executable, "-m", "tests.losses.test_fused"],
        env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert len(found) == len(SIZES) * len(WAYS) * 2
    assert all(one < 2e-3 for line in found for one in line), found


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("size", [*SIZES, (2048, 50_000, 512), (130, 9_999, 512)])
def test_the_kernel_gives_what_the_plain_read_gives(size, dtype, tolerance, ways):
    assert max(deviations("cuda", dtype, size, ways, 0.1)) < tolerance


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_gpu_reads_a_bank_of_16_bits_by_the_kernel(dtype, monkeypatch):
    from comedian.losses import fused

    asked = []
    monkeypatch.setattr(
        "comedian.losses.attention._fused", lambda *key: asked.append(key) or fused.kernel(*key)
    )
    attend(
        unit(1, 8, 512, dtype=torch.float32).cuda(),
        unit(2, 900, 512, dtype=torch.float32).to("cuda", dtype),
        0.1,
    )
    assert asked == [(torch.device("cuda", 0), dtype, 512)]
    assert fused.kernel(*asked[0]) is not None


def test_a_card_that_cannot_run_it_is_told_and_served_otherwise(monkeypatch):
    from comedian.losses import fused

    def broken(*_, **__):
        raise RuntimeError("Failed to find C compiler\nmore")

    monkeypatch.setattr(fused, "attend_fused", broken)
    with pytest.warns(UserWarning, match="RuntimeError: Failed to find C compiler"):
        assert fused.kernel(torch.device("cpu"), torch.float16, 512) is None
    assert fused.kernel(torch.device("cpu"), torch.float16, 100) is None, "not one of its widths"


if __name__ == "__main__":
    for size, ways, temperature in product(SIZES, WAYS, (0.1, 0.02)):
        print(*deviations("cpu", torch.float16, size, ways, temperature))
