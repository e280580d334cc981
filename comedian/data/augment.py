"""Random views of whole batches, made on the training device.

Letters: B clips, T frames of a clip, H x W frame as decoded, h x w image the network sees.

A view is drawn once per clip and shared by its frames. Draws come from a CPU generator for a whole batch,
so that they do not depend on the device and the ranks of a distributed run can each take a slice.

Order: crop and resize, colour jitter, grayscale, blur, solarize, flip, normalise.
- Crop and blur are one small matrix on each axis of the image: a batch of different crops is two products.
- Brightness, contrast, saturation, hue and grayscale are linear, and commute, because saturation and hue
  keep the luma that contrast pivots on (the frame's mean luma, as in torchvision): one 3x3 matrix per clip
  and one offset per frame. No order of them is drawn, and values are clamped to [0, 1] once, after all.
- Hue turns the chroma plane of YUV and keeps luma. HSV hue, which torchvision turns, keeps a colour's
  largest and smallest channel; both turn the same way, on average by the same angle.
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from comedian import distributed
from comedian.data.transfer import carried
from comedian.devices import rough_products
from comedian.recipes.augment import AugmentRecipe
from comedian.recipes.model import MEAN, STD

CROP_TRIES = 10  # crops drawn until one fits the frame, as in torchvision
CHUNK_FRAMES = {"cpu": 64, "cuda": 512}  # frames in flight: what caches hold, what a kernel launch is worth
SOLARIZE_THRESHOLD = 0.5
LUMA = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601
GREY = LUMA.expand(3, 3)  # RGB -> grey RGB
RGB_TO_YUV = torch.stack(  # ITU-R BT.470: Y, 0.492 (B - Y), 0.877 (R - Y)
    [LUMA, 0.492 * (torch.tensor([0.0, 0, 1]) - LUMA), 0.877 * (torch.tensor([1.0, 0, 0]) - LUMA)]
)
YUV_TO_RGB = torch.linalg.inv(RGB_TO_YUV)


@dataclass(frozen=True)
class Draws:
    """What chance decided for each clip of a batch; `draws[rows]` are those of some clips."""

    crop_tries: Tensor  # (B, 10, 2) share of the area and width/height; (B, 0, 2) without crop
    crop_place: Tensor  # (B, 2) share of the free height above and of the free width on the left
    brightness: Tensor  # (B,) factor, 1 changes nothing
    contrast: Tensor  # (B,) factor
    saturation: Tensor  # (B,) factor, 0 is grayscale
    hue: Tensor  # (B,) turns of the colour circle, 0 changes nothing
    blur_sigma: Tensor  # (B,) pixels, 0 is no blur
    solarize: Tensor  # (B,) bool
    flip: Tensor  # (B,) bool
    blur_kernel: int  # pixels

    def __len__(self) -> int:
        return len(self.flip)

    def __getitem__(self, rows: slice | Tensor) -> "Draws":
        chosen: dict[str, Any] = dict(vars(self))
        chosen |= {name: value[rows] for name, value in chosen.items() if isinstance(value, Tensor)}
        return Draws(**chosen)

    @property
    def recoloured(self) -> Tensor:
        """(B,) bool, clips whose colours change."""
        factors = torch.stack([self.brightness, self.contrast, self.saturation])
        return (factors != 1).any(0) | (self.hue != 0)


def draw(recipe: AugmentRecipe, batch_size: int, generator: torch.Generator) -> Draws:
    """Let chance decide for a batch; the same CPU generator state gives the same draws on every device."""

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(batch_size, *shape, generator=generator)

    def chance(probability):
        return uniform(0, 1) < probability

    def factor(spread):
        return torch.where(jitter, uniform(max(0.0, 1 - spread), 1 + spread), 1.0)

    tries = CROP_TRIES if recipe.crop else 0
    ratio = uniform(*map(math.log, recipe.crop_ratio), tries).exp()  # log-uniform
    jitter = chance(recipe.jitter_probability)
    return Draws(
        crop_tries=torch.stack([uniform(*recipe.crop_scale, tries), ratio], dim=-1),
        crop_place=uniform(0, 1, 2),
        brightness=factor(recipe.brightness),
        contrast=factor(recipe.contrast),
        saturation=torch.where(chance(recipe.grayscale_probability), 0.0, factor(recipe.saturation)),
        hue=torch.where(jitter, uniform(-recipe.hue, recipe.hue), 0.0),
        blur_sigma=torch.where(chance(recipe.blur_probability), uniform(*recipe.blur_sigma), 0.0),
        solarize=chance(recipe.solarize_probability),
        flip=chance(recipe.flip_probability),
        blur_kernel=recipe.blur_kernel,
    )


def augment(
    frames: Tensor, recipe: AugmentRecipe, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """One random view of each clip, (B, T, H, W, 3) uint8 -> (B, 3, T, h, w) normalised float32."""
    return apply(frames, draw(recipe, len(frames), generator), size)


@torch.no_grad()
def apply(frames: Tensor, draws: Draws, size: tuple[int, int], mean=MEAN, std=STD, rounding=True) -> Tensor:
    """The view that `draws` describe, on the frames' device; draws that change nothing give `to_input`.

    Args:
        frames: (B, T, H, W, 3) uint8, left as they are.
        draws: of these B clips, on the CPU.
        size: (h, w) pixels.
        mean, std: a number, or one for each channel.
        rounding: as in `to_input`; crops are never rounded.

    Returns:
        (B, 3, T, h, w) float32.
    """
    assert len(draws) == len(frames), "one draw for each clip"
    num_clips, num_frames = frames.shape[:2]
    views = torch.empty((num_clips, 3, num_frames, *size), device=frames.device)
    step = max(1, CHUNK_FRAMES.get(frames.device.type, 64) // num_frames)
    parts = [slice(start, start + step) for start in range(0, num_clips, step)]
    with torch.autocast(frames.device.type, enabled=False), rough_products(frames.device):
        plans = [_plan(draws[part], frames.shape[2:4], size) for part in parts]
        luma, plans = carried((LUMA, plans), frames.device)
        for part, plan in zip(parts, plans, strict=True):
            views[part] = _view(frames[part], plan, luma, size, rounding)
    return _normalise(views, mean, std)


@torch.no_grad()
def random_view(
    frames: Tensor, view: AugmentRecipe, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """A random view of this process's clips, uint8 (B, T, H, W, 3) to float32 (B, 3, T, h, w).

    Args:
        size: (h, w).
        generator: draws for the clips of all processes, alike on each.
    """
    draws = draw(view, len(frames) * distributed.world_size(), generator)
    return apply(frames, distributed.own_share(draws), size)


def to_input(frames: Tensor, size: tuple[int, int], mean=MEAN, std=STD, rounding: bool = True) -> Tensor:
    """Whole frames as the network sees them, (B, T, H, W, 3) uint8 -> (B, 3, T, h, w) float32.

    Args:
        frames: left as they are.
        size: (h, w) pixels; the resize is bilinear with antialias, and skipped where nothing changes.
        mean, std: a number, or one for each channel.
        rounding: round the resized frames to whole levels out of 255, as the authors do. The CPU then
            resizes in fixed point, which is several times faster and within one level of a GPU's answer.
    """
    return _normalise(_resize(frames, size, rounding), mean, std)


class _Some(NamedTuple):
    """Which clips of a chunk a stage changes, and its numbers for each of them."""

    number: int
    clips: Tensor  # (number,) int64
    numbers: tuple[Tensor, ...] = ()


class _Axis(NamedTuple):
    """A box along one axis, for `_resize_matrix`."""

    pixel: Tensor  # (B, in) pixels from the box's edge, infinity outside
    centre: Tensor  # (B, out) likewise, of the output's pixels
    reach: Tensor  # (B, 1, 1) pixels from a centre that count


class _Plan(NamedTuple):
    """What is done to the clips of a chunk; all that chance decides of it, made on the CPU."""

    crop: tuple[_Axis, _Axis] | None  # rows and columns
    recolour: _Some  # with (n, 3, 3) the matrix, (n,) the pivot
    blur: _Some  # with (n, r+1) one side of the kernel
    solarize: _Some
    flip: _Some


def _plan(draws, frame_size, size):
    recoloured, blurred = _some(draws.recoloured), _some(draws.blur_sigma > 0)
    colours, blurs = draws[recoloured.clips], draws[blurred.clips]
    return _Plan(
        _crop_axes(draws, frame_size, size) if draws.crop_tries.shape[1] else None,
        recoloured._replace(numbers=_colour_numbers(colours)) if recoloured.number else recoloured,
        blurred._replace(numbers=(_blur_taps(blurs, size),)) if blurred.number else blurred,
        _some(draws.solarize),
        _some(draws.flip),
    )


def _some(chosen):
    clips = chosen.nonzero().squeeze(1)
    return _Some(len(clips), clips)


def _view(frames, plan, luma, size, rounding):
    video = _crop(frames, *plan.crop) if plan.crop else _resize(frames, size, rounding)
    video = _where(plan.recolour, partial(_recolour, luma), video)
    video = _where(plan.blur, _blur, video)
    video = _where(plan.solarize, _solarize, video)
    return _where(plan.flip, _flip, video)


def _where(some, stage, video):
    """Change some clips of a video that is ours to overwrite."""
    if some.number == len(video):
        return stage(video, *some.numbers)
    if some.number:
        video[some.clips] = stage(video[some.clips], *some.numbers)
    return video


def _resize(frames, size, rounding):
    """(B, T, H, W, 3) uint8 -> (B, 3, T, h, w) in [0, 1]."""
    images = frames.flatten(0, 1).permute(0, 3, 1, 2)  # (B·T, 3, H, W), channels last in memory
    if images.shape[-2:] != size:
        fixed_point = rounding and images.device.type == "cpu"
        images = images if fixed_point else images.float()
        images = F.interpolate(images, size, mode="bilinear", antialias=True)
        images = images.round_() if rounding and not fixed_point else images
    return _planar(images.unflatten(0, frames.shape[:2]).transpose(1, 2))


def _crop(frames, rows, columns):
    """Each clip's own box, resized with antialias, (B, T, H, W, 3) uint8 -> (B, 3, T, h, w) in [0, 1]."""
    video = _planar(frames.permute(0, 4, 1, 2, 3))  # (B, 3, T, H, W)
    return _along_axes(video, _resize_matrix(rows), _resize_matrix(columns))


def _planar(video):
    """Any order in memory and any type, levels of 0 to 255 -> contiguous float32 in [0, 1]."""
    return torch.empty(video.shape, device=video.device).copy_(video).div_(255)


def _crop_boxes(draws, frame_height, frame_width):
    """Top, left, height, width of each clip's first crop that fits, (B, 4); the last try is made to fit."""
    scale, ratio = draws.crop_tries.unbind(-1)  # (B, 10) each
    area = scale * frame_height * frame_width
    sizes = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()], dim=-1).round()  # (B, 10, 2)
    frame = torch.tensor([frame_height, frame_width])
    first = (sizes <= frame).all(-1).int().index_fill_(1, torch.tensor(CROP_TRIES - 1), 1).argmax(1)
    chosen = sizes[torch.arange(len(sizes)), first]  # (B, 2)
    shrink = (frame / chosen).amin(1, keepdim=True).clamp(max=1)
    chosen = (chosen * shrink).round().clamp(min=1)
    corner = (draws.crop_place * (frame - chosen + 1)).floor()
    return torch.cat([corner, chosen], dim=1).long()


def _crop_axes(draws, frame_size, size):
    top, left, height, width = _crop_boxes(draws, *frame_size).float().unbind(1)
    rows = _axis(top, height, frame_size[0], size[0])
    return rows, _axis(left, width, frame_size[1], size[1])


def _axis(start, length, size_in, size_out):
    pixel = torch.arange(size_in) + 0.5 - start[:, None]  # (B, in)
    scale = (length / size_out)[:, None]  # (B, 1)
    centre = (torch.arange(size_out) + 0.5) * scale  # (B, out)
    inside = (pixel > 0) & (pixel < length[:, None])
    return _Axis(torch.where(inside, pixel, torch.inf), centre, scale.clamp(min=1)[:, :, None])


def _resize_matrix(axis):
    """What each output pixel takes of each input pixel, (B, out, in), rows sum to 1.

    Bilinear with antialias over the box: a triangle as wide as an output pixel, or as an input pixel when
    enlarging, cut off at the box.
    """
    distance = (axis.pixel[:, None, :] - axis.centre[:, :, None]).abs_().div_(axis.reach)
    weight = 1 - distance.clamp_(max=1)
    return weight.div_(weight.sum(-1, keepdim=True))


def _colour_numbers(draws):
    """Matrix (n, 3, 3) and pivot (n,) of some clips."""
    gain, pivot = (draws.brightness * draws.contrast), draws.brightness * (1 - draws.contrast)
    return gain[:, None, None] * _chroma_matrix(draws.saturation, draws.hue), pivot


def _recolour(luma, video, matrix, pivot):
    """Brightness, contrast, saturation, hue and grayscale at once, clamped to [0, 1]."""
    frame_luma = luma @ video.mean((-2, -1))  # (B, T)
    offset = pivot[:, None] * frame_luma
    changed = torch.bmm(matrix, video.flatten(2)).view_as(video)
    return changed.add_(offset[:, None, :, None, None]).clamp_(0, 1)


def _chroma_matrix(saturation, hue):
    """Scale and turn colours about the grey axis, (B,) each -> (B, 3, 3)."""
    cos, sin = (2 * math.pi * hue).cos(), (2 * math.pi * hue).sin()
    turn = torch.eye(3).repeat(len(hue), 1, 1)
    turn[:, 1, 1] = turn[:, 2, 2] = cos
    turn[:, 1, 2], turn[:, 2, 1] = -sin, sin
    turned = YUV_TO_RGB @ turn @ RGB_TO_YUV
    return torch.lerp(GREY, turned, saturation[:, None, None])


def _blur_taps(draws, size):
    """One side of each clip's kernel, (n, r+1)."""
    radius = (min(draws.blur_kernel, *size) - 1) // 2
    offset = torch.arange(radius + 1)
    taps = (-0.5 * (offset / draws.blur_sigma[:, None]) ** 2).exp()
    return taps / (2 * taps.sum(1, keepdim=True) - taps[:, :1])


def _blur(video, taps):
    """Gaussian blur, borders reflected."""
    height, width = video.shape[-2:]
    rows = _blur_matrix(taps, height)
    return _along_axes(video, rows, rows if height == width else _blur_matrix(taps, width))


def _blur_matrix(taps, size):
    """What each pixel takes of each, (B, r+1) -> (B, size, size), rows sum to 1; borders mirror."""
    return (taps @ _seen(taps.shape[1], size, taps.device).flatten(1)).unflatten(1, (size, size))


@lru_cache(maxsize=8)
def _seen(num_taps, size, device):
    """How often each pixel takes each pixel by each tap, float32 (r+1, size, size); alike in all views."""
    here = torch.arange(size, device=device)
    there = torch.stack([here, -here, 2 * (size - 1) - here])  # (3, size): itself, its two mirror images
    distance = (here[:, None] - there[:, None, :]).abs()  # (3, size, size)
    distance[1, :, 0] = distance[2, :, -1] = size  # out of reach: a border pixel is its own image
    offset = torch.arange(num_taps, device=device)
    return (distance == offset[:, None, None, None]).sum(1).float()


def _solarize(video):
    return torch.where(video < SOLARIZE_THRESHOLD, video, 1 - video)


def _flip(video):
    return video.flip(-1)


def _along_axes(video, rows, columns):
    """Every image times a matrix on each axis, (B, 3, T, H, W), (B, h, H), (B, w, W) -> (B, 3, T, h, w)."""
    num_clips, _, num_frames, height, _ = video.shape
    narrow = torch.bmm(video.flatten(1, 3), columns.mT)  # (B, 3·T·H, w)
    narrow = narrow.view(num_clips, 3 * num_frames, height, -1)
    return (rows[:, None] @ narrow).unflatten(1, (3, num_frames))


def _normalise(video, mean, std):
    if not isinstance(mean, int | float) or not isinstance(std, int | float):
        both = [torch.as_tensor(values, dtype=torch.float32).view(-1, 1, 1, 1) for values in (mean, std)]
        mean, std = carried(both, video.device)
    return video.sub_(mean).div_(std)
