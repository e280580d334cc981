import math
from dataclasses import replace

import pytest
import torch

from comedian.errors import InputError
from comedian.formats.checkpoint import Header, load_checkpoint, save_checkpoint
from comedian.formats.frames import Geometry
from comedian.models.spatial import build_spatial
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe
from comedian.weights.load import load_spatial, load_spotter, load_trunk, save_spotter

VIVIT = ModelRecipe(
    image_height=32, image_width=32, embed_dim=24, depth=2, num_heads=2, num_tokens=3, temporal_depth=1
)
VISWIN = replace(
    VIVIT, backbone="viswin", patch_size=4, swin_depths=(1, 2), swin_heads=(2, 3), swin_window=4
)
GEOMETRY = Geometry(fps=2.0, width=112, height=64, sampling="screen")
both = pytest.mark.parametrize("recipe", [VIVIT, VISWIN], ids=["vivit", "viswin"])


def saved_spotter(recipe: ModelRecipe, path) -> Spotter:
    torch.manual_seed(1)
    spotter = Spotter(recipe, ("Goal", "Foul")).eval()
    spotter.geometry, spotter.mean, spotter.std = GEOMETRY, 0.5, 0.25
    save_spotter(path, spotter, {"epochs": 3}, '{"command": "finetune"}')
    return spotter


@both
@torch.no_grad()
def test_a_spotter_comes_back_to_the_bit(recipe, tmp_path):
    spotter = saved_spotter(recipe, tmp_path / "a.safetensors")
    again = load_spotter(tmp_path / "a.safetensors")
    video = torch.randn(2, 3, 6, 32, 32)
    assert torch.equal(again(video), spotter(video))
    assert not again.training
    assert (again.geometry, again.mean, again.std) == (GEOMETRY, 0.5, 0.25)
    assert (again.recipe, again.classes) == (recipe, ("Goal", "Foul"))
    ours, theirs = spotter.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@both
@torch.no_grad()
def test_parts_of_a_spotter(recipe, tmp_path):
    spotter = saved_spotter(recipe, tmp_path / "a.safetensors")
    tokens = spotter.spatial(torch.randn(1, 3, 6, 32, 32))
    spatial, temporal = load_trunk(tmp_path / "a.safetensors")
    assert torch.equal(temporal(tokens), spotter.temporal(tokens))
    for each in (spatial, load_spatial(tmp_path / "a.safetensors")):
        wanted = spotter.spatial.state_dict()
        assert all(torch.equal(value, wanted[name]) for name, value in each.state_dict().items())


def test_a_spatial_file_is_no_trunk_and_no_spotter(tmp_path):
    spatial, path = build_spatial(VIVIT), tmp_path / "s.safetensors"
    tensors = {f"spatial.{name}": value for name, value in spatial.state_dict().items()}
    save_checkpoint(path, "spatial", tensors, Header("spatial", VIVIT, GEOMETRY))
    assert torch.equal(load_spatial(path).pos_embed, spatial.pos_embed)
    with pytest.raises(InputError, match="a spatial checkpoint, but a spotter is needed; run finetune"):
        load_spotter(path)
    with pytest.raises(InputError, match="a distilled or spotter is needed; run distill or finetune"):
        load_trunk(path)


def test_weights_that_contradict_their_header(tmp_path):
    saved_spotter(VIVIT, tmp_path / "a.safetensors")
    checkpoint = load_checkpoint(tmp_path / "a.safetensors")
    header = replace(checkpoint.header, model=replace(VIVIT, temporal_depth=2))
    save_checkpoint(tmp_path / "b.safetensors", "spotter", checkpoint.tensors, header)
    with pytest.raises(InputError, match=r"do not fit its own header: .*temporal\.blocks\.1"):
        load_spotter(tmp_path / "b.safetensors")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(value, tmp_path):
    saved_spotter(VIVIT, tmp_path / "a.safetensors")
    checkpoint = load_checkpoint(tmp_path / "a.safetensors")
    checkpoint.tensors["temporal.norm.bias"][1] = value
    save_checkpoint(tmp_path / "b.safetensors", "spotter", checkpoint.tensors, checkpoint.header)
    with pytest.raises(
        InputError, match=r"b\.safetensors: its temporal\.norm\.bias holds NaN or infinity; make"
    ):
        load_spotter(tmp_path / "b.safetensors")
