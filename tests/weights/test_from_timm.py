"""Image models of timm as starts of our networks, and as networks of their own."""

import json
import os
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from comedian.errors import InputError
from comedian.formats.frames import Geometry
from comedian.models.packed import packed
from comedian.models.spatial import build_spatial
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe
from comedian.weights.from_timm import spatial_from_timm, timm_model
from comedian.weights.load import load_spotter, save_spotter
from comedian.weights.tensors import FORBID, FORCE

VIT = ModelRecipe(
    image_height=160, image_width=160, embed_dim=64, depth=6, num_heads=2, temporal_heads=2, mlp_ratio=3.0
)
SWIN = ModelRecipe(
    backbone="viswin", image_height=32, image_width=32, patch_size=4, embed_dim=24, swin_depths=(2, 2),
    swin_heads=(2, 3), swin_window=4,
)  # fmt: skip
SWIN_SHAPE = {"img_size": 32, "embed_dim": 12, "depths": (2, 2), "num_heads": (2, 3), "window_size": 4}
FAMILIES = {  # timm's own small models of each kind
    "ViT": "test_vit",
    "ConvNeXt": "test_convnext",
    "RegNet": "regnetx_002",
    "EfficientNet": "test_efficientnet",
    "ResNet": "test_resnet",
}
families = pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES)


def image_model(name: str, **shape) -> nn.Module:
    """A timm model with random weights, none of them zero, and eps 1e-6 as ours."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5, **shape).eval()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter) / max(parameter[0].numel(), 1) ** 0.5)
    return model


def still(images: torch.Tensor) -> torch.Tensor:
    """Tubelets of two equal frames."""
    return images[:, :, None].expand(-1, -1, 2, -1, -1)


def saved(model: nn.Module, path) -> str:
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"model": tensors}, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@torch.no_grad()
def test_a_vivit_gives_the_images_feature(suffix, tmp_path):
    model = image_model("test_vit")
    spatial = spatial_from_timm(VIT, f"timm:test_vit@{saved(model, tmp_path / f'image{suffix}')}").eval()
    image = torch.randn(2, 3, 160, 160)
    wanted = model.forward_features(image)[:, 0]
    torch.testing.assert_close(spatial.encode(still(image)), wanted, rtol=2e-5, atol=2e-5)


@pytest.fixture
def small_swin(monkeypatch):
    """timm's Swin with the few blocks that a test can afford, whatever else is asked of it."""
    create = timm.create_model

    def small(name, **options):
        return create(name, **{**SWIN_SHAPE, **options})

    monkeypatch.setattr(timm, "create_model", small)
    return "swin_tiny_patch4_window7_224"


@torch.no_grad()
def test_a_viswin_gives_the_images_feature(small_swin, tmp_path):
    model = image_model(small_swin)
    file = saved(model, tmp_path / "image.safetensors")
    spatial = spatial_from_timm(SWIN, f"timm:{small_swin}@{file}").eval()
    image = torch.randn(3, 3, 32, 32)
    wanted = model.forward_features(image).mean((1, 2))
    torch.testing.assert_close(spatial.encode(still(image)), wanted, rtol=2e-5, atol=2e-5)
    whole = model.layers[0].blocks[0].attn.relative_position_bias_table
    smaller = spatial_from_timm(replace(SWIN, swin_window=2), f"timm:{small_swin}@{file}")
    table = smaller.layers[0].blocks[0].attn.relative_position_bias_table
    assert table.shape == (9, 2)
    torch.testing.assert_close(table[4], whole[24])  # no offset: the middle of 3 × 3 and of 7 × 7


@torch.no_grad()
def test_position_tables_of_another_grid_are_interpolated(tmp_path):
    model = image_model("test_vit")  # 10 × 10 patches
    model.pos_embed[0, 1:] = torch.arange(10.0).repeat(10)[:, None]  # smooth: columns 0..9 everywhere
    file = saved(model, tmp_path / "image.safetensors")
    spatial = spatial_from_timm(replace(VIT, image_height=32, image_width=96), f"timm:test_vit@{file}")
    torch.testing.assert_close(spatial.pos_embed[:, 0], model.pos_embed[:, 0])
    grid = spatial.pos_embed[0, 1:, 0].view(2, 6)
    torch.testing.assert_close(grid[0], grid[1], atol=1e-4, rtol=0)
    assert (grid[0].diff() > 0).all()
    assert grid.mean().item() == pytest.approx(4.5, abs=0.1)


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    state, path = image_model("test_vit").state_dict(), str(tmp_path / "image.safetensors")

    def refused(tensors: dict, recipe: ModelRecipe = VIT) -> str:
        save_file(tensors, path)
        with pytest.raises(InputError) as caught:
            spatial_from_timm(recipe, f"timm:test_vit@{path}")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert 'Missing key(s) in state_dict: "norm.bias"' in refused(
        {k: v for k, v in state.items() if k != "norm.bias"}
    )
    assert 'Unexpected key(s) in state_dict: "gate"' in refused(state | {"gate": torch.ones(24)})
    assert "size mismatch for norm.bias" in refused(state | {"norm.bias": torch.ones(24)})
    assert "lacks blocks.6.attn.proj.bias" in refused(state, replace(VIT, depth=7))
    assert "its cls_token is (1, 1, 64), the recipe wants (1, 1, 128)" in refused(
        state, replace(VIT, embed_dim=128)
    )
    assert "lacks layers.0.blocks" in refused(state, replace(SWIN, image_height=160, image_width=160))


def test_files_that_hold_no_weights_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"absent\.pth: no such weights file"):
        spatial_from_timm(VIT, f"timm:test_vit@{tmp_path / 'absent.pth'}")
    with pytest.raises(
        InputError, match=r"absent\.pth: whose weights it holds is not said; write timm:NAME"
    ):
        spatial_from_timm(VIT, f"timm:{tmp_path / 'absent.pth'}")
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(InputError, match="is not a readable file of tensors"):
        spatial_from_timm(VIT, f"timm:test_vit@{tmp_path / 'text.pth'}")
    torch.save({"weights": [1, 2]}, tmp_path / "list.pth")
    with pytest.raises(InputError, match="holds more than tensors by name"):
        spatial_from_timm(VIT, f"timm:test_vit@{tmp_path / 'list.pth'}")
    torch.save({"model": nn.Linear(2, 2)}, tmp_path / "code.pth")
    with pytest.raises(
        InputError, match=r"holds torch\.nn\.modules\.linear\.Linear, whose code is not run"
    ):
        spatial_from_timm(VIT, f"timm:test_vit@{tmp_path / 'code.pth'}")


def test_models_by_name(monkeypatch):
    with pytest.raises(
        InputError, match=r"timm has no model 'vit_tinny_patch16_224'; did you mean vit_tiny_"
    ):
        spatial_from_timm(VIT, "timm:vit_tinny_patch16_224")

    def offline(*args, **options):
        assert options["pretrained"]
        raise OSError("cannot reach the hub\nsecond line")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError, match="cannot reach the hub second line; check the name") as caught:
        timm_model("test_vit")
    assert "\n" not in str(caught.value)


class Hostile:
    """Runs a command wherever its pickle is loaded as objects."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def hostile_folder(tmp_path):
    """A model's folder as timm reads them, whose weights are a pickle that leaves a file behind."""
    folder = tmp_path / "model"
    folder.mkdir()
    torch.save({"a": Hostile(f"touch {tmp_path}/ran")}, folder / "pytorch_model.bin")
    config = {"architecture": "test_vit", "num_classes": 0, "pretrained_cfg": {}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    "name",
    ["local-dir:{}", " local-dir:{}", "LOCAL-DIR:{}", "file:{}", "http://{}", "{}/test_vit", "hf-hub:{}",
     "hf-hub:../..", "test_vit:{}", "test_vit\n"],
)  # fmt: skip
@pytest.mark.parametrize("recipe", [VIT, replace(VIT, backbone="timm:test_vit", embed_dim=64)])
def test_names_of_folders_are_no_models(name, recipe, hostile_folder, tmp_path):
    name = name.format(hostile_folder)
    with pytest.raises(
        InputError, match=r"is not a name of timm's; write timm:NAME|the recipe's backbone is"
    ):
        spatial_from_timm(recipe, f"timm:{name}")
    with pytest.raises(InputError, match=r"is not a name of timm's; write timm:NAME"):
        timm_model(name)
    with pytest.raises(InputError, match=r"is not a name of timm's; write timm:NAME$"):
        build_spatial(recipe_of(name))
    assert not (tmp_path / "ran").exists()


def test_what_the_hub_sends_runs_no_code(hostile_folder, tmp_path, monkeypatch):
    """timm's own loading asked for objects (before 1.0.26, of a folder), and torch must not give them."""
    monkeypatch.setenv(FORBID, "1")

    def sent(name, **options):
        return torch.load(hostile_folder / "pytorch_model.bin", weights_only=False)

    monkeypatch.setattr(timm, "create_model", sent)
    with pytest.raises(InputError, match="cannot get the weights of timm's 'hf-hub:them/theirs'"):
        timm_model("hf-hub:them/theirs")
    assert not (tmp_path / "ran").exists()
    assert os.environ[FORBID] == "1"
    assert FORCE not in os.environ
    sent("as timm would")
    assert (tmp_path / "ran").exists(), "the pickle is no threat, and this test shows nothing"


# --- backbones of timm -------------------------------------------------------------------------------


def recipe_of(name: str, **changes) -> ModelRecipe:
    recipe = ModelRecipe(
        backbone=f"timm:{name}", image_height=64, image_width=96, embed_dim=24, num_tokens=4,
        temporal_depth=1, drop_path=0.0,
    )  # fmt: skip
    return replace(recipe, **changes)


@families
@torch.no_grad()
def test_a_backbone_of_timm_gives_the_images_feature(name, tmp_path):
    """Through its own pooling; the layer that fits widths is left out here."""
    sized = {"img_size": (64, 96)} if name == "test_vit" else {}
    model = image_model(name, **sized)
    file = saved(model, tmp_path / "image.safetensors")
    spatial = spatial_from_timm(recipe_of(name), f"timm:{name}@{file}").eval()
    for ours, theirs in zip(spatial.image.modules(), model.modules(), strict=False):
        if isinstance(ours, nn.LayerNorm):
            ours.eps = theirs.eps = 1e-6
    image = torch.randn(3, 3, 64, 96)
    wanted = model.forward_head(model.forward_features(image), pre_logits=True)
    spatial.neck = nn.Identity()
    torch.testing.assert_close(spatial.encode(still(image)), wanted, rtol=1e-4, atol=1e-4)
    own = build_spatial(recipe_of(name, embed_dim=wanted.shape[1], temporal_heads=1))
    assert isinstance(own.neck, nn.Identity), "a width of the model's own needs no layer"


@families
@torch.no_grad()
def test_a_spotter_with_a_backbone_of_timm_comes_back_without_a_network(name, tmp_path):
    torch.manual_seed(0)
    spotter = Spotter(recipe_of(name), ("Goal", "Foul")).eval()
    spotter.geometry = Geometry(2.0, 398, 224, "screen")
    save_spotter(tmp_path / "spotter.safetensors", spotter)
    again = load_spotter(tmp_path / "spotter.safetensors")
    video = torch.randn(2, 3, 8, 64, 96)
    torch.testing.assert_close(again(video), spotter(video), rtol=0, atol=0)
    torch.testing.assert_close(packed(again)(video), spotter(video), rtol=1e-4, atol=1e-5)
    mask = torch.tensor([[True, False, False, True], [False] * 4])
    assert spotter(video, mask).isfinite().all()


def test_backbones_that_cannot_be_built_are_refused():
    for change, words in (
        ({"backbone": "timm:convnext_tny"}, "timm has no model 'convnext_tny'; did you mean convnext_tiny"),
        ({"backbone": "timm:"}, "model.backbone = timm: cannot be built; use vivit, viswin or timm:NAME"),
    ):
        with pytest.raises(InputError, match=words):
            build_spatial(recipe_of("test_vit", **change))
    with pytest.raises(InputError, match="is test_convnext, the recipe's backbone is timm:test_vit; write"):
        spatial_from_timm(recipe_of("test_vit"), "timm:test_convnext")
