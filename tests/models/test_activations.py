"""What networks keep for the way back: as real ones do, and as a GPU was seen to."""

from dataclasses import replace

import pytest
import torch

from comedian.models.activations import kept
from comedian.models.spatial import build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import ModelRecipe
from comedian.recipes.resolve import resolve

SMALL = ModelRecipe(image_height=64, image_width=64, patch_size=8, embed_dim=48, depth=3, drop_path=0.0)
SWIN = replace(
    SMALL,
    backbone="viswin",
    patch_size=4,
    swin_depths=(2, 2),
    swin_heads=(1, 2),
    swin_window=8,
    embed_dim=48,
)


def parts_of(recipe, device):
    """Both transformers, the shape of an input of each, and what is called."""
    with torch.device(device):
        spatial, temporal = build_spatial(recipe).train(), TemporalTransformer(recipe).train()
    return {
        "spatial": (spatial, (3, 2, *recipe.image_size), spatial.encode),
        "temporal": (temporal, (recipe.num_tokens, recipe.embed_dim), temporal),
    }


def really_kept(network, clips, call):
    """Bytes of the storages that autograd holds after a pass on the CPU, without the weights."""
    own = {value.untyped_storage().data_ptr() for value in [*network.parameters(), *network.buffers()]}
    held = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        call(clips)
    return sum(storage.nbytes() for address, storage in held.items() if address not in own)


@pytest.mark.parametrize("part", ["spatial", "temporal"])
@pytest.mark.parametrize("recipe", [SMALL, SWIN], ids=["vivit", "viswin"])
def test_shapes_tell_what_autograd_keeps(recipe, part):
    network, shape, call = parts_of(recipe, "cpu")[part]
    real = [really_kept(network, torch.rand(number, *shape), call) for number in (4, 8)]
    network, shape, call = parts_of(recipe, "meta")[part]
    scores = 0.15 if (recipe, part) == (SWIN, "spatial") else 0.0  # a CPU keeps them where a mask learns
    found = kept(network, shape, call, half=False).whole
    assert found == pytest.approx((1 - scores) * (real[1] - real[0]) / 4, rel=0.05)


@pytest.mark.parametrize("recipe", [SMALL, SWIN], ids=["vivit", "viswin"])
def test_what_is_computed_again_is_not_kept(recipe):
    network, shape, call = parts_of(recipe, "meta")["spatial"]
    found = kept(network, shape, call, half=True)
    assert found.inputs < found.whole / 2
    assert found.block < found.whole
    single = kept(network, shape, call, half=False)
    assert found.whole < single.whole, "halves of numbers"


@pytest.mark.parametrize(
    ("preset", "megabytes"), [("vivit-tiny", 16.1), ("vivit-small", 31.6), ("viswin-tiny", 61.0)]
)
def test_a_tubelet_of_the_papers_networks(preset, megabytes):
    network, shape, call = parts_of(resolve("finetune", preset).model, "meta")["spatial"]
    assert kept(network, shape, call, half=True).whole / 1e6 == pytest.approx(megabytes, rel=0.01)
