"""Products and linear layers by oneDNN equal torch's own."""

import pytest
import torch
from torch import nn

from comedian import onednn


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("work", [1, 2**60])
def test_a_product_is_that_of_torch(monkeypatch, work, dtype):
    monkeypatch.setattr(onednn, "WORK", work)
    a, b = torch.randn(5, 7, dtype=dtype), torch.randn(3, 7, dtype=dtype)
    found = onednn.product(a, b)
    assert found.dtype == dtype
    torch.testing.assert_close(found, a @ b.T)


def test_a_packed_copy_gives_the_same_and_leaves_the_module():
    module = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Sequential(nn.Linear(8, 4, bias=False)))
    wide = nn.Linear(6, 6, dtype=torch.float64)
    copy = onednn.packed(module)
    x = torch.randn(2, 3, 6)
    with torch.inference_mode():
        torch.testing.assert_close(copy(x), module(x))
        assert torch.equal(onednn.packed(nn.Sequential(wide))(x.double()), wide(x.double()))
    if torch.backends.mkldnn.is_available():
        assert not any(isinstance(part, nn.Linear) for part in copy.modules())
    assert sum(isinstance(part, nn.Linear) for part in module.modules()) == 2
