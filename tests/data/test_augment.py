"""Batched views against torchvision's and kornia's single operations, and what the draws look like."""

import colorsys
import math
from dataclasses import replace

import kornia
import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as tv

from comedian.data.augment import CROP_TRIES, MEAN, STD, Draws, apply, augment, draw, to_input
from comedian.recipes.augment import (
    DISTILL_VIEW,
    FINETUNE_VIEW,
    MOCO_VIEW_1,
    MOCO_VIEW_2,
    NO_AUGMENT,
    AugmentRecipe,
)

SIZE = (32, 56)
EVERYTHING = replace(MOCO_VIEW_2, blur_probability=0.5, solarize_probability=0.5, grayscale_probability=0.5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clips(batch=2, num_frames=3, height=32, width=56, seed=0):
    """Smooth random pictures, (B, T, H, W, 3) uint8."""
    coarse = torch.rand(batch * num_frames, 3, 5, 7, generator=seeded(seed))
    images = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1) * 255
    return images.unflatten(0, (batch, num_frames)).permute(0, 1, 3, 4, 2).round().byte().contiguous()


def nothing(batch) -> Draws:
    return draw(NO_AUGMENT, batch, seeded())


def levels(views):
    """Undo the normalisation, (B, 3, T, h, w) -> (B, T, 3, h, w) in [0, 1]."""
    return (views * STD + MEAN).transpose(1, 2)


def images(frames):
    """(B, T, H, W, 3) uint8 -> (B, T, 3, H, W) in [0, 1]."""
    return frames.permute(0, 1, 4, 2, 3).float() / 255


def changed(frames, size=SIZE, **draws):
    """One operation with a value for each clip."""
    values = {name: torch.as_tensor(value) for name, value in draws.items()}
    return levels(apply(frames, replace(nothing(len(frames)), **values), size))


def assert_close(ours, theirs, tolerance=2e-6):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max().item() < tolerance


# --- single operations


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.7])
def test_brightness(factor):
    frames = clips()
    ours = changed(frames, brightness=[factor, 1.0])
    assert_close(ours[0], tv.adjust_brightness(images(frames)[0], factor))
    assert_close(ours[1], images(frames)[1])


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.8])
def test_contrast_pivots_on_the_mean_of_each_frame(factor):
    frames = clips()
    theirs = tv.adjust_contrast(images(frames), factor)
    assert_close(changed(frames, contrast=[factor] * 2), theirs, 2e-4)  # their luma sums to 0.9999


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.4])
def test_saturation(factor):
    frames = clips()
    assert_close(
        changed(frames, saturation=[factor] * 2), tv.adjust_saturation(images(frames), factor), 2e-4
    )
    kornias = kornia.enhance.adjust_saturation_with_gray_subtraction(images(frames), factor)
    assert_close(changed(frames, saturation=[factor] * 2), kornias, 2e-3)


def test_saturation_zero_is_grayscale():
    frames = clips()
    grey = kornia.color.rgb_to_grayscale(images(frames)).expand(-1, -1, 3, -1, -1)
    assert_close(changed(frames, saturation=[0.0, 0.0]), grey)
    assert_close(changed(frames, saturation=[0.0, 0.0], hue=[0.3, -0.1]), grey)


@pytest.mark.parametrize("turns", [-0.5, -0.2, 0.05, 0.1, 0.25])
def test_hue_turns_the_chroma_of_yuv(turns):
    frames = clips()
    yuv = kornia.color.rgb_to_yuv(images(frames).flatten(0, 1))
    chroma = torch.complex(yuv[:, 1], yuv[:, 2]) * complex(
        math.cos(2 * math.pi * turns), math.sin(2 * math.pi * turns)
    )
    expected = kornia.color.yuv_to_rgb(torch.stack([yuv[:, 0], chroma.real, chroma.imag], 1)).clamp(0, 1)
    assert_close(changed(frames, hue=[turns] * 2).flatten(0, 1), expected, 5e-3)  # 3-digit constants


def test_hue_goes_the_way_of_hsv_hue_by_about_as_much():
    """All around the colour circle, pale so that nothing clips, the two stay within 0.045 turns."""
    circle = [colorsys.hsv_to_rgb(h / 48, 0.3, 0.6) for h in range(48)]
    frames = (torch.tensor(circle).view(1, 1, 1, 48, 3) * 255).round().byte()
    for turns in (-0.1, 0.1):
        turned = changed(frames, (1, 48), hue=[turns])[0, 0, :, 0].T.tolist()
        gone = [colorsys.rgb_to_hsv(*rgb)[0] - h / 48 for h, rgb in enumerate(turned)]
        gone = torch.tensor([(x + 0.5) % 1 - 0.5 for x in gone])
        assert gone.mean().item() == pytest.approx(turns, abs=0.01)
        assert (gone - turns).abs().max() < 0.045


def test_colour_operations_together_are_the_operations_one_after_another():
    frames = clips()
    middle = images(frames) * 0.25 + 0.4  # far from 0 and 1, so that nothing is clamped
    frames = (middle * 255).round().byte().permute(0, 1, 3, 4, 2)
    expected = images(frames)
    for operation, factor in (
        (tv.adjust_saturation, 1.2),
        (tv.adjust_contrast, 0.8),
        (tv.adjust_brightness, 1.1),
    ):
        expected = operation(expected, factor)
    ours = changed(frames, brightness=[1.1] * 2, contrast=[0.8] * 2, saturation=[1.2] * 2)
    assert_close(ours, expected, 3e-4)
    hue_last = changed(
        (expected * 255).round().byte().permute(0, 1, 3, 4, 2), hue=[0.1] * 2
    )  # order does not matter
    all_at_once = changed(
        frames, brightness=[1.1] * 2, contrast=[0.8] * 2, saturation=[1.2] * 2, hue=[0.1] * 2
    )
    assert_close(all_at_once, hue_last, 2 / 255)


def test_stages_come_in_order():
    """Colour jitter, blur, solarize, flip: in another order neighbours give another picture."""
    frames = clips()
    stages = {
        "brightness": lambda x: tv.adjust_brightness(x, 1.6),
        "blur": lambda x: tv.gaussian_blur(x, [23, 23], [2.0, 2.0]),
        "solarize": lambda x: tv.solarize(x, 0.5),
        "flip": lambda x: x.flip(-1),
    }

    def in_order(*names):
        made = images(frames)
        for name in names:
            made = stages[name](made)
        return made

    draws = {"brightness": [1.6] * 2, "blur_sigma": [2.0] * 2, "solarize": [True] * 2, "flip": [True] * 2}
    ours, expected = changed(frames, **draws), in_order(*stages)
    different = (ours - expected).abs() > 1e-5  # where 0.5 is met by a rounding error, solarize may not be
    assert different.float().mean() < 1e-3
    for other in (("blur", "brightness", "solarize"), ("brightness", "solarize", "blur")):
        assert (in_order(*other, "flip") - expected).abs().max() > 0.1


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
def test_blur(sigma):
    frames = clips()
    theirs = tv.gaussian_blur(images(frames), [23, 23], [sigma, sigma])
    assert_close(changed(frames, blur_sigma=[sigma] * 2), theirs, 5e-6)
    kornias = kornia.filters.gaussian_blur2d(images(frames)[0], (23, 23), (sigma, sigma))
    assert_close(changed(frames, blur_sigma=[sigma, 0.0])[0], kornias, 5e-6)


@pytest.mark.parametrize(("height", "width", "kernel"), [(12, 56, 11), (9, 9, 9), (3, 40, 3), (1, 5, 1)])
def test_blur_of_a_small_image_shrinks_the_kernel(height, width, kernel):
    frames = clips(height=height, width=width)
    theirs = tv.gaussian_blur(images(frames), [kernel, kernel], [1.5, 1.5])
    assert_close(changed(frames, (height, width), blur_sigma=[1.5] * 2), theirs, 5e-6)


def test_solarize():
    frames = clips()
    ours = changed(frames, solarize=[True, False])
    assert_close(ours[0], tv.solarize(images(frames)[0], 0.5))
    assert_close(ours[1], images(frames)[1])


def test_flip():
    frames = clips()
    ours = changed(frames, flip=[False, True])
    assert_close(ours[0], images(frames)[0])
    assert_close(ours[1], images(frames)[1].flip(-1))


@pytest.mark.parametrize("size", [(32, 56), (48, 48), (20, 30)])
@pytest.mark.parametrize("seed", range(4))
def test_crop_is_torchvisions_antialiased_resized_crop(size, seed):
    frames = clips(batch=4, height=45, width=80)
    draws = draw(AugmentRecipe(crop=True), 4, seeded(seed))
    ours = levels(apply(frames, draws, size))
    for clip, ratio_and_place in enumerate(zip(draws.crop_tries, draws.crop_place, strict=True)):
        box = naive_box(*ratio_and_place, 45, 80)
        assert_close(ours[clip], tv.resized_crop(images(frames)[clip], *box, size, antialias=True), 1e-5)


def naive_box(tries, place, height, width):
    """torchvision's RandomResizedCrop.make_params for draws already made."""
    for scale, ratio in tries.tolist():
        w = round(math.sqrt(scale * height * width * ratio))
        h = round(math.sqrt(scale * height * width / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = place.tolist()
            return int(top * (height - h + 1)), int(left * (width - w + 1)), h, w
    raise AssertionError("nothing fits")


def test_a_crop_that_never_fits_is_shrunk_until_it_does():
    frames = clips(batch=1, height=40, width=40)
    tries = torch.tensor([1.0, 2.0]).repeat(1, CROP_TRIES, 1)  # 57 x 28 pixels
    place = torch.tensor([[0.999, 0.0]])
    expected = tv.resized_crop(images(frames)[0], 20, 0, 20, 40, SIZE, antialias=True)
    assert_close(changed(frames, crop_tries=tries, crop_place=place)[0], expected, 1e-5)


# --- the whole frame


@pytest.mark.parametrize("size", [(32, 56), (24, 24), (64, 112)])
def test_to_input_is_resize_and_normalise(size):
    frames = clips(height=45, width=80)
    views = to_input(frames, size)
    assert views.shape == (2, 3, 3, *size)
    assert views.dtype == torch.float32
    assert views.is_contiguous()
    exact = tv.resize(images(frames), list(size), antialias=True)
    assert_close(levels(to_input(frames, size, rounding=False)), exact, 2e-6)
    rounded = levels(views) * 255
    assert_close(rounded, rounded.round(), 1e-4)  # whole levels
    assert_close(rounded, exact * 255, 1.6)  # rounding, and fixed point by at most one level


def test_to_input_leaves_frames_of_the_right_size_alone():
    frames = clips()
    before = frames.clone()
    expected = (images(frames).transpose(1, 2) - 0.45) / 0.225
    assert_close(to_input(frames, SIZE), expected)
    assert torch.equal(frames, before)


def test_channels_may_have_their_own_mean_and_std():
    frames, mean, std = clips(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = tv.normalize(images(frames), mean, std).transpose(1, 2)
    assert_close(to_input(frames, SIZE, mean, std), expected)
    assert_close(apply(frames, nothing(2), SIZE, mean, std), expected)


@pytest.mark.parametrize("rounding", [True, False])
@pytest.mark.parametrize("size", [(32, 56), (24, 24)])
def test_no_augmentation_is_to_input_to_the_bit(size, rounding):
    frames = clips(batch=3, height=45, width=80)
    expected = to_input(frames, size, rounding=rounding)
    assert torch.equal(apply(frames, nothing(3), size, rounding=rounding), expected)
    spread_but_never = replace(EVERYTHING, crop=False)
    never = {name: 0.0 for name in vars(spread_but_never) if name.endswith("probability")}
    draws = draw(replace(spread_but_never, **never), 3, seeded())
    assert torch.equal(apply(frames, draws, size, rounding=rounding), expected)


# --- batches, frames, seeds


@pytest.mark.parametrize("recipe", [MOCO_VIEW_1, MOCO_VIEW_2, DISTILL_VIEW, FINETUNE_VIEW, EVERYTHING])
def test_every_setting_gives_finite_views_and_leaves_the_frames(recipe):
    frames = clips(batch=16, num_frames=2, height=45, width=80)
    before = frames.clone()
    views = augment(frames, recipe, SIZE, seeded())
    assert views.shape == (16, 3, 2, *SIZE)
    assert views.dtype == torch.float32
    assert torch.equal(frames, before)
    assert -1e-5 <= levels(views).min() <= levels(views).max() <= 1 + 1e-5
    assert not torch.allclose(views, to_input(frames, SIZE), atol=0.1)


def test_a_still_clip_stays_still():
    still = clips(batch=12, num_frames=1, height=45, width=80).expand(-1, 4, -1, -1, -1)
    views = augment(still, EVERYTHING, SIZE, seeded())
    assert (views - views[:, :, :1]).abs().max() < 1e-5


def test_clips_get_draws_of_their_own():
    same = clips(batch=1, num_frames=1).expand(8, -1, -1, -1, -1)
    views = augment(same, EVERYTHING, SIZE, seeded())
    assert min((views[i] - views[j]).abs().max() for i in range(8) for j in range(i)) > 0.05


def test_the_seed_decides():
    frames = clips(batch=6)
    once, again = (augment(frames, EVERYTHING, SIZE, seeded(3)) for _ in range(2))
    assert torch.equal(once, again)
    generator = seeded(3)
    assert torch.equal(augment(frames, EVERYTHING, SIZE, generator), once)
    assert not torch.equal(augment(frames, EVERYTHING, SIZE, generator), once)


def test_slices_of_draws_give_slices_of_views(monkeypatch):
    frames = clips(batch=9, num_frames=2, height=45, width=80)
    draws = draw(EVERYTHING, 9, seeded(4))
    whole = apply(frames, draws, SIZE)
    for part in (slice(0, 4), slice(4, 9), slice(8, 9), torch.tensor([7, 0, 3])):
        assert_close(apply(frames[part], draws[part], SIZE), whole[part], 1e-5)
    monkeypatch.setattr("comedian.data.augment.CHUNK_FRAMES", {"cpu": 5})  # two clips at a time
    assert_close(apply(frames, draws, SIZE), whole, 1e-5)
    with pytest.raises(AssertionError):
        apply(frames, draws[:4], SIZE)


def test_autocast_changes_nothing():
    frames = clips(batch=6, height=45, width=80)
    plain = augment(frames, EVERYTHING, SIZE, seeded())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment(frames, EVERYTHING, SIZE, seeded()), plain)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_views():
    frames, draws = clips(batch=8, height=45, width=80), draw(EVERYTHING, 8, seeded(8))
    assert_close(apply(frames.cuda(), draws, SIZE).cpu(), apply(frames, draws, SIZE), 1e-3)
    on_gpu, on_cpu = levels(to_input(frames.cuda(), SIZE).cpu()), levels(to_input(frames, SIZE))
    assert_close(on_gpu, on_cpu, 1.001 / 255)
