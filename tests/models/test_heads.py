import torch
import torch.nn.functional as F
from torch import nn

from comedian.models.heads import mlp, predictor, projector


def shapes(head: nn.Sequential) -> list[tuple[int, int, bool]]:
    layers = [layer for layer in head if isinstance(layer, nn.Linear)]
    return [(layer.in_features, layer.out_features, layer.bias is not None) for layer in layers]


def test_widths_and_biases():
    assert shapes(projector(192)) == [(192, 1024, True), (1024, 1024, True), (1024, 256, True)]
    assert shapes(projector(384, 2048, 512)) == [(384, 2048, True), (2048, 2048, True), (2048, 512, True)]
    assert shapes(predictor()) == [(256, 1024, True), (1024, 256, False)]


def test_exact_gelu_between_and_nothing_after():
    head = mlp((4, 6, 3))
    x = torch.randn(5, 4)
    assert torch.equal(head(x), head[2](F.gelu(head[0](x))))
    assert len(head) == 3


def test_batch_norm_after_every_layer_if_asked():
    torch.manual_seed(0)
    clips = 10 + torch.randn(64, 4)  # alike, but for a little
    head = predictor(4, 6, norm=True)
    assert [type(layer) for layer in head] == [
        nn.Linear,
        nn.BatchNorm1d,
        nn.GELU,
        nn.Linear,
        nn.BatchNorm1d,
    ]
    assert shapes(head) == [(4, 6, False), (6, 4, False)]
    assert not [*head[-1].parameters()]
    found = head(clips)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.var(0, unbiased=False), torch.ones(4), rtol=0, atol=1e-2)
    assert torch.equal(head.eval()(clips), found)  # of the batch at hand, in either mode
