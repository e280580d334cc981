from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models import SwinTransformer, VisionTransformer
from torch import nn

from comedian.errors import InputError
from comedian.models.spotter import build_spatial
from comedian.recipes.model import ModelRecipe
from comedian.weights.from_timm import load_timm_spatial

VIT = ModelRecipe(image_height=48, image_width=48, embed_dim=24, depth=2, num_heads=3)
SWIN = replace(
    VIT,
    backbone="viswin",
    image_height=32,
    image_width=32,
    patch_size=4,
    swin_depths=(2, 2),
    swin_heads=(2, 3),
    swin_window=4,
)


def image_model(recipe: ModelRecipe, size: int) -> nn.Module:
    """A timm model of the recipe's shape, with random weights and eps 1e-6 as ours."""
    torch.manual_seed(0)
    if recipe.backbone == "vivit":
        model = VisionTransformer(size, embed_dim=24, depth=2, num_heads=3, num_classes=5)
    else:
        shape = {"depths": (2, 2), "num_heads": (2, 3), "window_size": 4}
        model = SwinTransformer(size, embed_dim=12, num_classes=5, **shape)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.mark.parametrize("recipe", [VIT, SWIN], ids=["vit", "swin"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@torch.no_grad()
def test_a_still_clip_gives_the_images_feature(recipe, suffix, tmp_path):
    model, path = image_model(recipe, recipe.image_height), tmp_path / f"image{suffix}"
    if suffix == ".pth":
        torch.save({"model": model.state_dict()}, path)
    else:
        save_file(model.state_dict(), path)
    spatial = build_spatial(recipe).eval()
    load_timm_spatial(spatial, str(path))
    image = torch.randn(3, 3, recipe.image_height, recipe.image_width)
    features = model.forward_features(image)
    wanted = features[:, 0] if recipe is VIT else features.mean((1, 2))
    torch.testing.assert_close(
        spatial.encode(image[:, :, None].expand(-1, -1, 2, -1, -1)), wanted, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@torch.no_grad()
def test_a_named_model_from_a_file(suffix, tmp_path):
    torch.manual_seed(0)
    model, path = timm.create_model("test_vit", num_classes=3).eval(), tmp_path / f"image{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(model.state_dict(), path)
    recipe = replace(
        VIT, image_height=160, image_width=160, embed_dim=64, depth=6, num_heads=2, mlp_ratio=3.0
    )
    spatial = build_spatial(replace(recipe, temporal_heads=2)).eval()
    load_timm_spatial(spatial, f"timm:test_vit@{path}")
    image = torch.randn(1, 3, 160, 160)
    clip = image[:, :, None].expand(-1, -1, 2, -1, -1)
    wanted = model.forward_features(image)[:, 0]
    torch.testing.assert_close(spatial.encode(clip), wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match=r"cannot get the weights of timm's 'test_vit2': .*timm:NAME@FILE"):
        load_timm_spatial(spatial, f"timm:test_vit2@{path}")


def test_position_tables_of_another_grid_are_interpolated(tmp_path):
    path = str(tmp_path / "image.safetensors")
    model = image_model(VIT, 64)
    with torch.no_grad():  # a smooth position embedding, columns 0..3 everywhere
        model.pos_embed[0, 1:] = torch.arange(4.0).repeat(4)[:, None]
    save_file(model.state_dict(), path)
    spatial = build_spatial(replace(VIT, image_height=32, image_width=96))  # 2 × 6 patches
    load_timm_spatial(spatial, path)
    assert torch.equal(spatial.pos_embed[:, 0], model.pos_embed[:, 0])
    grid = spatial.pos_embed[0, 1:, 0].view(2, 6)
    assert torch.allclose(grid[0], grid[1], atol=1e-5)
    assert (grid[0].diff() > 0).all()
    assert grid.mean().item() == pytest.approx(1.5, abs=0.05)
    swin = image_model(SWIN, 32)
    save_file(swin.state_dict(), path)
    spatial = build_spatial(replace(SWIN, swin_window=2))
    load_timm_spatial(spatial, path)
    table = spatial.layers[0].blocks[0].attn.relative_position_bias_table
    assert table.shape == (9, 2)
    whole = swin.layers[0].blocks[0].attn.relative_position_bias_table
    torch.testing.assert_close(table[4], whole[24])  # no offset: the middle of 3 × 3 and of 7 × 7
    assert torch.equal(spatial.norm.weight, swin.norm.weight)


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    state, path = image_model(VIT, 48).state_dict(), str(tmp_path / "image.safetensors")

    def refused(tensors: dict, recipe: ModelRecipe = VIT) -> str:
        save_file(tensors, path)
        spatial = build_spatial(recipe)
        before = {name: value.clone() for name, value in spatial.state_dict().items()}
        with pytest.raises(InputError) as caught:
            load_timm_spatial(spatial, path)
        assert all(torch.equal(before[name], value) for name, value in spatial.state_dict().items())
        return str(caught.value)

    assert "lacks norm.bias;" in refused({k: v for k, v in state.items() if k != "norm.bias"})
    assert "has fc_norm.weight too many" in refused(state | {"fc_norm.weight": torch.ones(24)})
    assert "blocks.2.attn.proj.bias" in refused(state, replace(VIT, depth=3))
    assert "is (24,), the recipe wants (48,)" in refused(state, replace(VIT, embed_dim=48))
    assert "is not a class token and a square grid" in refused(state | {"pos_embed": torch.zeros(1, 9, 24)})


def test_files_that_hold_no_weights_are_refused(tmp_path):
    spatial = build_spatial(VIT)
    for text in ("{}", "timm:{}", "timm:test_vit@{}"):
        with pytest.raises(InputError, match=r"absent\.pth: no such weights file"):
            load_timm_spatial(spatial, text.format(tmp_path / "absent.pth"))
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("not weights")
        with pytest.raises(InputError, match="is not a readable file of tensors"):
            load_timm_spatial(spatial, str(tmp_path / name))
    torch.save({"weights": [1, 2]}, tmp_path / "list.pth")
    with pytest.raises(InputError, match="holds more than tensors by name"):
        load_timm_spatial(spatial, str(tmp_path / "list.pth"))


def test_pickled_code_is_never_run(tmp_path):
    torch.save({"model": nn.Linear(2, 2)}, tmp_path / "code.pth")
    with pytest.raises(
        InputError, match=r"holds torch\.nn\.modules\.linear\.Linear, whose code is not run"
    ):
        load_timm_spatial(build_spatial(VIT), str(tmp_path / "code.pth"))


def test_models_by_name(monkeypatch):
    spatial = build_spatial(VIT)
    with pytest.raises(InputError, match="timm has no model 'vit_tinny'"):
        load_timm_spatial(spatial, "vit_tinny")

    def offline(*args, **options):
        assert options["pretrained"]
        raise OSError("cannot reach the hub\nsecond line")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError, match="cannot reach the hub second line; check the name") as caught:
        load_timm_spatial(spatial, "vit_tiny_patch16_224")
    assert "\n" not in str(caught.value)
    model = image_model(VIT, 48)
    monkeypatch.setattr(timm, "create_model", lambda *args, **options: model)
    load_timm_spatial(spatial, "vit_tiny_patch16_224.augreg_in21k")
    assert torch.equal(spatial.blocks[1].mlp.fc1.weight, model.blocks[1].mlp.fc1.weight)
