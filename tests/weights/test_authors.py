"""The authors' files: their logits, their names, and what is refused; the networks are in authors.py."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from comedian.errors import InputError
from comedian.formats.frames import Geometry
from comedian.recipes.model import SOCCERNET_CLASSES
from comedian.recipes.resolve import resolve
from comedian.weights.load import load_spatial, load_spotter, load_trunk, load_weights
from tests.models.authors import Model, ViSwin, ViViT, lightning_file

NETWORKS = {
    "vivit, narrow": (ViViT, {}, 32),
    "vivit, other shapes": (ViViT, {"width": 128, "image": 48, "patch": 16, "length": 5}, 48),
    "ViViT-T": (ViViT, {"width": 192, "depth": 12, "image": 224, "patch": 16, "temporal_depth": 6}, 224),
    "viswin, narrow": (ViSwin, {}, 32),
    "viswin, three stages": (ViSwin, {"depths": (2, 2, 2), "heads": (1, 2, 4), "image": 64}, 64),
    "viswin, 224 pixels": (
        ViSwin,
        {"depths": (2, 2, 2, 2), "heads": (1, 2, 4, 8), "image": 224, "window": 7, "length": 1},
        224,
    ),
}
both = pytest.mark.parametrize("kind", [ViViT, ViSwin])


def save(model: Model, path: Path) -> Path:
    """As the authors save: a flat state dict, in an OrderedDict that torch pickles."""
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_logits_are_the_authors(name, tmp_path):
    kind, shape, image = NETWORKS[name]
    model = Model(kind(**shape)).eval()
    spotter = load_spotter(save(model, tmp_path / "authors.pth"))
    length = model.trunk.transformer.length
    video = torch.randn(1 if image == 224 else 2, 3, 2 * length, image, image)
    logits = model(video)
    assert logits.std() > 0.1
    torch.testing.assert_close(spotter(video), logits, rtol=0, atol=1e-5)
    tokens = model.trunk.transformer.spatial(video).unflatten(0, (-1, length))
    torch.testing.assert_close(spotter.spatial(video), tokens, rtol=0, atol=1e-5)
    torch.testing.assert_close(spotter.classify(tokens), logits, rtol=0, atol=1e-5)


@both
def test_networks_trained_without_masks_hold_no_mask_token(kind, tmp_path):
    model = Model(kind()).eval()
    state = {name: value for name, value in model.state_dict().items() if "mask_token" not in name}
    torch.save(state, tmp_path / "authors.pth")
    assert not load_spotter(tmp_path / "authors.pth").temporal.mask_token.any()


@both
def test_what_no_file_says_is_known(kind, tmp_path):
    model = Model(kind(length=64, temporal_depth=6))
    spotter = load_spotter(save(model, tmp_path / "authors.pth"))
    assert not spotter.training
    assert spotter.geometry == Geometry(fps=2.0, width=398, height=224, sampling="ffmpeg")
    assert (spotter.classes, spotter.mean, spotter.std) == (SOCCERNET_CLASSES, 0.45, 0.225)
    assert (spotter.spot.ignored_seconds, spotter.spot.merge) == (12.0, "max")
    assert (spotter.recipe.num_tokens, spotter.recipe.temporal_depth) == (64, 6)
    assert torch.equal(spotter.temporal.mask_token, model.trunk.transformer.temporal_mask_token)
    preset = load_weights(tmp_path / "authors.pth").header.recipe["preset"]
    assert preset == ("vivit-tiny" if kind is ViViT else "viswin-tiny")


@pytest.mark.parametrize(("length", "seconds"), [(64, 12.0), (48, 12.0), (32, 8.0), (3, 0.0)])
def test_shorter_windows_ignore_no_more_than_a_quarter(length, seconds, tmp_path):
    path = save(Model(ViViT(length=length)), tmp_path / "authors.pth")
    assert load_spotter(path).spot.ignored_seconds == seconds


@pytest.mark.parametrize(("width", "preset"), [(192, "vivit-tiny"), (384, "vivit-small")])
def test_the_papers_networks_are_the_presets(width, preset, tmp_path):
    network = ViViT(width=width, depth=12, image=224, patch=16, length=64, temporal_depth=6)
    header = load_weights(save(Model(network), tmp_path / "authors.pth")).header
    assert header.recipe["preset"] == preset
    assert header.model == resolve("finetune", preset).model


def test_viswin_tiny_is_the_preset(tmp_path):
    with torch.device("meta"):
        shape = {"depths": (2, 2, 6, 2), "heads": (3, 6, 12, 24), "image": 224, "window": 7}
        network = ViSwin(width=96, **shape, length=64, temporal_depth=6)
    state = {f"trunk.transformer.{name}": torch.zeros(1).expand(value.shape) for name, value in
             network.state_dict().items()}  # fmt: skip
    torch.save(state, tmp_path / "authors.pth")
    header = load_weights(tmp_path / "authors.pth").header
    assert (header.kind, header.model) == ("distilled", resolve("finetune", "viswin-tiny").model)


@both
def test_safetensors_and_old_archives_hold_the_same(kind, tmp_path):
    state = Model(kind()).state_dict()
    save_file(state, tmp_path / "authors.safetensors")
    torch.save(state, tmp_path / "new.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "authors.ckpt")
    first, *others = (load_spotter(path).state_dict() for path in sorted(tmp_path.iterdir()))
    assert len(others) == 3
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("network", [ViViT(depth=1), ViSwin(depths=(1, 2))], ids=["vivit", "viswin"])
def test_a_tensor_missing_or_too_many_is_named(network, tmp_path):
    state, path = Model(network).state_dict(), tmp_path / "authors.pth"
    ignored = ("test_transform", "relative_position_index", "attn_mask", "mask_token")
    for name in [name for name in state if not any(word in name for word in ignored)][::3]:
        torch.save({key: value for key, value in state.items() if key != name}, path)
        with pytest.raises(InputError, match=r"authors\.pth: (lacks|has) ") as caught:
            load_spotter(path)
        assert name in str(caught.value) or name == "head_class.layers.0.weight"
    blocks = "trunk.transformer.temporal_transformer.blocks"
    for number in ("9", "999999999"):  # not that many blocks are looked for
        torch.save(state | {f"{blocks}.{number}.x": torch.ones(3)}, path)
        with pytest.raises(InputError, match=rf"has {blocks}\.{number} but lacks {blocks}\.\d;"):
            load_spotter(path)
    for name in ("trunk.transformer.gate", "head.w"):
        torch.save(state | {name: torch.ones(3)}, path)
        with pytest.raises(InputError, match=rf"has {name} too many|lacks .* and has {name} too many"):
            load_spotter(path)
    name = "trunk.transformer.temporal_transformer.blocks.0.mlp.fc2.bias"
    torch.save(state | {name: torch.ones(3)}, path)
    with pytest.raises(InputError, match=rf"its {name} is \(3,\), the others want"):
        load_spotter(path)


def test_shapes_that_tell_nothing_are_refused(tmp_path):
    state, path = Model(ViViT()).state_dict(), tmp_path / "authors.pth"
    odd = {
        "trunk.transformer.pos_embed": (torch.ones(1, 9, 64), "has 8 patches, not a square of them"),
        "trunk.transformer.time_embed": (torch.ones(3), r"its \S+time_embed is \(3,\), not of 3 dim"),
        "trunk.transformer.patch_embed.proj.weight": (torch.ones(80, 3, 2, 8, 8), "is 80 wide, not 64 for"),
        "head_class.layers.0.weight": (torch.ones(5, 64), "has 5 classes, whose names it does not tell"),
    }
    for name, (value, what) in odd.items():
        torch.save(state | {name: value}, path)
        with pytest.raises(InputError, match=what):
            load_spotter(path)


def plain(network, momentum: bool = False) -> dict[str, torch.Tensor]:
    """A network's spatial transformer as step 1 names it: a plain ViT or Swin."""
    state = {
        name.replace("spatial_transformer.", "").replace("spatial_cls_token", "cls_token"): value
        for name, value in network.state_dict().items()
        if not name.startswith(("temporal", "time"))
    }
    return {name: value + 1 for name, value in state.items()} if momentum else state


@both
@pytest.mark.parametrize("prefix", ["", "transformer."])
@torch.no_grad()
def test_the_online_network_of_step_1(kind, prefix, tmp_path):
    model, path = Model(kind()).eval(), tmp_path / "epoch=99.ckpt"
    network = model.trunk.transformer
    online = {prefix + name: value for name, value in plain(network).items()}
    torch.save(lightning_file(online, plain(network, momentum=True)), path)
    assert load_weights(path).header.kind == "spatial"
    video = torch.randn(1, 3, 6, 32, 32)
    torch.testing.assert_close(load_spatial(path)(video)[0], network.spatial(video), rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="is a spatial checkpoint, but a spotter is needed; run finetune"):
        load_spotter(path)


@both
@torch.no_grad()
def test_the_trunk_of_step_2(kind, tmp_path):
    model, path = Model(kind()).eval(), tmp_path / "epoch=99.ckpt"
    network = model.trunk.transformer
    state = {f"transformer.{name}": value for name, value in network.state_dict().items()}
    torch.save(lightning_file(state, {}), path)
    assert load_weights(path).header.kind == "distilled"
    spatial, temporal = load_trunk(path)
    video = torch.randn(1, 3, 6, 32, 32)
    torch.testing.assert_close(temporal(spatial(video)), network(video), rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="is a distilled checkpoint, but a spotter is needed"):
        load_spotter(path)


class Config:
    """Stands for omegaconf's DictConfig, in which the authors keep their hyper-parameters."""

    __module__, __qualname__ = "omegaconf.dictconfig", "DictConfig"

    def __init__(self, **content):
        self.content = content

    def __setstate__(self, state):
        raise AssertionError("code of a file was run")


@pytest.fixture
def as_omegaconf(monkeypatch):
    module = ModuleType("omegaconf.dictconfig")
    module.DictConfig = Config
    monkeypatch.setitem(sys.modules, "omegaconf", ModuleType("omegaconf"))
    monkeypatch.setitem(sys.modules, "omegaconf.dictconfig", module)


def test_settings_beside_the_tensors_are_skipped_unread(as_omegaconf, tmp_path):
    path = tmp_path / "epoch=99.ckpt"
    file = lightning_file(plain(ViViT()), {})
    torch.save(file | {"hyper_parameters": {"trunk": Config(depth=12)}}, path)
    assert load_weights(path).header.kind == "spatial"
    torch.save({"state_dict": file["state_dict"] | {"trunk.x": Config()}}, path)
    with pytest.raises(InputError, match="holds more than tensors by name"):
        load_weights(path)


class Bomb:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_refused_and_never_run(zipped, tmp_path):
    path, target = tmp_path / "bomb.pth", tmp_path / "ran"
    file = Model(ViViT()).state_dict() | {"bomb": Bomb(target)}
    torch.save(file, path, _use_new_zipfile_serialization=zipped)
    refusal = "holds .*getattr.*, whose code is not run" if zipped else "is not a readable file of tensors"
    with pytest.raises(InputError, match=refusal) as caught:
        load_spotter(path)
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize("kept", [0, 5, 100, -1000, -1])
def test_damaged_archives_are_one_line(kept, tmp_path):
    path = save(Model(ViViT()), tmp_path / "authors.pth")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"is not a (readable file of tensors|safetensors file)"):
        load_spotter(path)


def test_files_of_others_are_told_what_to_do(tmp_path):
    torch.save({"blocks.0.weight": torch.ones(2)}, tmp_path / "timm.pth")
    with pytest.raises(
        InputError, match="neither ours nor the authors'; name an image model as timm:NAME@FILE"
    ):
        load_spotter(tmp_path / "timm.pth")
    with pytest.raises(InputError, match="no such weights file; check the path"):
        load_spotter(tmp_path / "absent.pth")
