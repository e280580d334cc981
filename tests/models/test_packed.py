"""Linear layers by oneDNN equal torch's own."""

import torch
from torch import nn

from comedian.models.packed import packed


def test_a_packed_copy_gives_the_same_and_leaves_the_module():
    module = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Sequential(nn.Linear(8, 4, bias=False)))
    wide = nn.Linear(6, 6, dtype=torch.float64)
    copy = packed(module)
    x = torch.randn(2, 3, 6)
    with torch.inference_mode():
        torch.testing.assert_close(copy(x), module(x))
        assert torch.equal(packed(nn.Sequential(wide))(x.double()), wide(x.double()))
    if torch.backends.mkldnn.is_available():
        assert not any(isinstance(part, nn.Linear) for part in copy.modules())
    assert sum(isinstance(part, nn.Linear) for part in module.modules()) == 2
