"""What random views are made of; the constants are the paper's settings for each training step."""

from dataclasses import dataclass, replace

from comedian.errors import InputError
from comedian.recipes.ranges import Fraction, HalfTurn, Pixels, Positive, Real, UpTo1


@dataclass(frozen=True)
class AugmentRecipe:
    """One random view of a clip; the defaults change nothing."""

    crop: bool = False  # random resized crop; otherwise the whole frame is resized
    crop_scale: tuple[UpTo1, UpTo1] = (0.2, 1.0)  # share of the frame's area
    crop_ratio: tuple[Positive, Positive] = (1.3275, 2.2125)  # width / height: 16/9 less and more a quarter
    jitter_probability: Fraction = 0.0  # of the four below together
    brightness: Real = 0.0  # factor within 1 - this and 1 + this, never below 0
    contrast: Real = 0.0  # likewise
    saturation: Real = 0.0  # likewise
    hue: HalfTurn = 0.0  # turns of the colour circle, either way; at most 0.5
    grayscale_probability: Fraction = 0.0
    blur_probability: Fraction = 0.0
    blur_kernel: Pixels = 23  # pixels, odd; smaller images take the largest odd kernel that fits
    blur_sigma: tuple[Positive, Positive] = (0.1, 2.0)  # pixels
    solarize_probability: Fraction = 0.0
    flip_probability: Fraction = 0.0  # left-right

    def __post_init__(self):
        for name in ("crop_scale", "crop_ratio", "blur_sigma"):
            low, high = getattr(self, name)
            if low > high:
                raise InputError(
                    f"{name} goes from {low} down to {high}", remedy="give the lower end first"
                )
        if self.blur_kernel % 2 == 0:
            raise InputError(f"blur_kernel is {self.blur_kernel}", remedy="use an odd number of pixels")


NO_AUGMENT = AugmentRecipe()

MOCO_VIEW_1 = AugmentRecipe(
    crop=True,
    jitter_probability=0.8,
    brightness=0.4,
    contrast=0.4,
    saturation=0.2,
    hue=0.1,
    grayscale_probability=0.2,
    blur_probability=1.0,
    flip_probability=0.5,
)

MOCO_VIEW_2 = replace(MOCO_VIEW_1, blur_probability=0.1, solarize_probability=0.2)

DISTILL_VIEW = AugmentRecipe(
    jitter_probability=0.8,
    brightness=0.8,
    contrast=0.8,
    saturation=0.4,
    hue=0.2,
    grayscale_probability=0.2,
    blur_probability=0.5,
    solarize_probability=0.2,
    flip_probability=0.5,
)

FINETUNE_VIEW = AugmentRecipe(
    jitter_probability=0.8,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,  # and no hue: cards keep their colour
    blur_probability=0.5,
    flip_probability=0.5,
)
