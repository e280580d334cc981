import copy
from dataclasses import replace

import pytest
import torch
from timm.layers import DropPath
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from comedian.errors import InputError
from comedian.models.blocks import TubeletEmbed, drop_path_rates
from comedian.models.spatial import build_spatial
from comedian.models.spotter import Spotter, copy_temporal_from_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import ModelRecipe

VIVIT = ModelRecipe(
    image_height=32, image_width=48, embed_dim=24, depth=3, num_heads=2, num_tokens=5, temporal_depth=2
)
VISWIN = replace(
    VIVIT,
    backbone="viswin",
    image_height=64,
    image_width=32,
    patch_size=4,
    swin_depths=(2, 2),
    swin_heads=(2, 3),
    swin_window=4,
)
CLASSES = ("Goal", "Foul", "Corner")
both = pytest.mark.parametrize("recipe", [VIVIT, VISWIN], ids=["vivit", "viswin"])


class FusedReads(TorchFunctionMode):
    """Count the calls of torch's fused attention."""

    number = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.number += function is scaled_dot_product_attention
        return function(*args, **(kwargs or {}))


def spotter_of(recipe: ModelRecipe) -> Spotter:
    torch.manual_seed(0)
    spotter = Spotter(recipe, CLASSES).eval()
    with torch.no_grad():  # so that biases, norms and the mask token matter
        for parameter in spotter.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return spotter


def video_of(recipe: ModelRecipe, batch: int = 2, length: int = 5) -> torch.Tensor:
    return torch.randn(batch, 3, 2 * length, recipe.image_height, recipe.image_width)


@both
def test_spotter_is_temporal_after_spatial(recipe):
    spotter, video = spotter_of(recipe), video_of(recipe)
    logits = spotter(video)
    assert logits.shape == (2, 5, 3)
    assert spotter.classes == CLASSES
    assert torch.equal(logits, spotter.classify(spotter.spatial(video)))


@both
def test_tubelets_are_encoded_independently(recipe):
    spatial, video = spotter_of(recipe).spatial, video_of(recipe)
    tokens = spatial(video)
    alone = spatial.encode(video[1:2, :, 4:6])  # third tubelet of the second window
    assert tokens.shape == (2, 5, 24)
    torch.testing.assert_close(tokens[1, 2], alone[0], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(tokens[1, 2], tokens[1, 3], atol=1e-3)


@both
def test_masked_tubelets_are_not_looked_at_and_change_nothing_else(recipe):
    spotter, video = spotter_of(recipe), video_of(recipe)
    mask = torch.tensor([[1, 0, 0, 1, 0], [0, 0, 1, 0, 0]], dtype=torch.bool)
    kept = spotter.spatial(video, keep=~mask)
    torch.testing.assert_close(kept[~mask], spotter.spatial(video)[~mask], rtol=1e-5, atol=1e-5)
    assert torch.equal(kept[mask], torch.zeros(3, 24))
    full = spotter.classify(spotter.spatial(video), mask)
    torch.testing.assert_close(spotter(video, mask), full, rtol=1e-5, atol=1e-5)
    video = video.unflatten(2, (5, 2)).transpose(1, 2).clone()
    video[mask] = float("nan")
    hidden = spotter(video.transpose(1, 2).flatten(2, 3), mask)
    torch.testing.assert_close(hidden, full, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(hidden, spotter.classify(spotter.spatial(video_of(recipe))), atol=1e-3)


@both
def test_only_kept_tubelets_pass_the_encoder(recipe, monkeypatch):
    spatial, seen = spotter_of(recipe).spatial, []
    encode = spatial.encode
    monkeypatch.setattr(spatial, "encode", lambda tubelets: seen.append(len(tubelets)) or encode(tubelets))
    keep = torch.zeros(2, 5, dtype=torch.bool)
    assert torch.equal(spatial(video_of(recipe), keep), torch.zeros(2, 5, 24))
    keep[0, 3] = keep[1, 1] = keep[1, 4] = True
    spatial(video_of(recipe), keep)
    assert seen == [3]


@both
def test_every_parameter_learns_through_a_mask(recipe):
    spotter = spotter_of(recipe).train()
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[:, 2] = True
    spotter(video_of(recipe), mask).square().sum().backward()
    still = [
        name for name, value in spotter.named_parameters() if value.grad is None or not value.grad.any()
    ]
    assert still == []


@both
def test_mixed_precision(recipe):
    spotter, video = spotter_of(recipe), video_of(recipe)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, 1] = True
    wanted = spotter(video, mask)
    with torch.autocast("cpu", torch.bfloat16):
        logits = spotter(video, mask)
        logits.float().square().sum().backward()
    torch.testing.assert_close(logits.float(), wanted, rtol=0.05, atol=0.05)
    assert all(parameter.grad.isfinite().all() for parameter in spotter.parameters())


def test_tubelet_embedding_is_the_3d_convolution():
    embed = TubeletEmbed(8, 4, norm=False)
    tubelets = torch.randn(3, 3, 2, 12, 8)
    wanted = embed.proj(tubelets)[:, :, 0].permute(0, 2, 3, 1)
    torch.testing.assert_close(embed(tubelets), wanted, rtol=1e-5, atol=1e-5)


def test_time_embedding_comes_after_the_mask_token():
    temporal = spotter_of(VIVIT).temporal
    temporal.blocks, temporal.norm = nn.Identity(), nn.Identity()
    tokens, mask = torch.randn(1, 4, 24), torch.tensor([[False, True, False, False]])
    out = temporal(tokens, mask)
    torch.testing.assert_close(out[0, 1], temporal.mask_token[0, 0] + temporal.time_embed[0, 1])
    torch.testing.assert_close(out[0, 3], tokens[0, 3] + temporal.time_embed[0, 3])


def test_windows_may_be_shorter_but_not_longer():
    temporal = TemporalTransformer(VIVIT)
    assert temporal(torch.randn(2, 3, 24)).shape == (2, 3, 24)
    with pytest.raises(ValueError, match="6 tokens, but the time embedding ends at 5"):
        temporal(torch.randn(2, 6, 24))


def test_initial_values():
    torch.manual_seed(0)
    spotter = Spotter(ModelRecipe(depth=1, temporal_depth=1), [f"class {i}" for i in range(17)])
    assert not spotter.temporal.mask_token.any()
    assert not spotter.heads.classes.bias.any()
    assert spotter.heads.classes.weight.std().item() == pytest.approx(0.01, rel=0.05)
    for block in (spotter.spatial.blocks[0], spotter.temporal.blocks[0]):
        assert block.attn.qkv.weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert not block.attn.qkv.bias.any()
        assert block.norm1.eps == 1e-6


@both
def test_all_norms_have_the_same_epsilon_and_attention_is_fused(recipe):
    spotter = spotter_of(recipe)
    modules = dict(spotter.named_modules())
    assert {module.eps for module in modules.values() if isinstance(module, nn.LayerNorm)} == {1e-6}
    with FusedReads() as fused:
        spotter(video_of(recipe))
    assert fused.number == sum(name.endswith(".attn") for name in modules) > 0


def test_fused_window_attention_equals_the_plain_one():
    spatial, video = spotter_of(VISWIN).spatial, video_of(VISWIN)
    plain = copy.deepcopy(spatial)
    for module in plain.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    torch.testing.assert_close(spatial(video), plain(video), rtol=1e-5, atol=1e-5)


def test_stochastic_depth_rises_linearly_in_both_transformers():
    spotter = Spotter(replace(VIVIT, drop_path=0.2), CLASSES)
    assert drop_path_rates(0.2, 3) == pytest.approx([0, 0.1, 0.2])
    assert drop_path_rates(0.2, 1) == [0]
    for blocks, wanted in ((spotter.spatial.blocks, [0.1, 0.2]), (spotter.temporal.blocks, [0.2])):
        rates = [module.drop_prob for module in blocks.modules() if getattr(module, "drop_prob", 0)]
        assert rates == pytest.approx([rate for rate in wanted for _ in range(2)])
    swin = Spotter(replace(VISWIN, drop_path=0.3), CLASSES).spatial
    rates = [module.drop_prob for module in swin.modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3])


def test_temporal_blocks_start_from_spatial_ones():
    spotter = spotter_of(VIVIT)
    time_embed = spotter.temporal.time_embed.clone()
    copy_temporal_from_spatial(spotter.spatial, spotter.temporal)
    for number in range(2):
        theirs = spotter.spatial.blocks[number].state_dict()
        ours = spotter.temporal.blocks[number].state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert torch.equal(spotter.temporal.norm.bias, spotter.spatial.norm.bias)
    assert torch.equal(spotter.temporal.time_embed, time_embed)
    spotter.spatial.blocks[0].attn.qkv.weight.data.zero_()
    assert spotter.temporal.blocks[0].attn.qkv.weight.any()


def test_temporal_blocks_that_cannot_start_from_spatial_ones():
    swin = spotter_of(VISWIN)
    with pytest.raises(
        InputError, match="ViViT's spatial ones, viswin has none; --set copy_temporal=false"
    ):
        copy_temporal_from_spatial(swin.spatial, swin.temporal)
    deep = TemporalTransformer(replace(VIVIT, temporal_depth=4))
    with pytest.raises(InputError, match="4 temporal blocks cannot start from 3 spatial ones"):
        copy_temporal_from_spatial(build_spatial(VIVIT), deep)


@pytest.mark.parametrize(
    ("recipe", "change", "words"),
    [
        (
            VIVIT,
            {"backbone": "resnet"},
            "model.backbone = resnet cannot be built; use vivit, viswin or timm:NAME",
        ),
        (VIVIT, {"num_heads": 5}, "model.num_heads = 5 .* must divide embed_dim, which is 24"),
        (VIVIT, {"temporal_heads": 0}, "model.temporal_heads = 0 .* whole number from 1"),
        (VIVIT, {"image_width": 50}, "model.patch_size = 16 .* must divide image_width, which is 50"),
        (VIVIT, {"drop_path": 1.0}, "model.drop_path = 1.0 .* below 1"),
        (VIVIT, {"mlp_ratio": 0.0}, "model.mlp_ratio = 0.0 "),
        (VIVIT, {"embed_dim": 24.0}, "model.embed_dim = 24.0 .* whole number"),
        (VISWIN, {"swin_heads": (2,)}, "model.swin_heads = .* each of the 2 stages"),
        (VISWIN, {"swin_heads": (5, 3)}, "must divide the width of stage 1, which is 12"),
        (VISWIN, {"image_width": 36}, "model.image_width = 36 .* multiple of 8"),
        (VISWIN, {"embed_dim": 27, "temporal_heads": 3}, "model.embed_dim = 27 .* multiple of 2"),
        (VISWIN, {"swin_window": 7}, "must divide the image_height of stage 1 in patches, which is 16"),
    ],
)
def test_impossible_recipes_are_refused_in_words(recipe, change, words):
    with pytest.raises(InputError, match=words):
        Spotter(replace(recipe, **change), CLASSES)
    assert recipe.validate() is recipe
