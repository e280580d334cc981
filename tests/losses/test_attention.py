"""The attention read of a bank."""

import pytest
import torch

from comedian.losses import attention


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("work", [1, 2**60])
def test_a_product_is_that_of_torch(monkeypatch, work, dtype):
    monkeypatch.setattr(attention, "WORK", work)
    a, b = torch.randn(5, 7, dtype=dtype), torch.randn(3, 7, dtype=dtype)
    found = attention.product(a, b)
    assert found.dtype == dtype
    torch.testing.assert_close(found, a @ b.T)
