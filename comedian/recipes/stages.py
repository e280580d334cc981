"""One frozen recipe per training step; the defaults are the paper's best setting (64 s windows)."""

from dataclasses import dataclass, field
from typing import Literal

from comedian.recipes.augment import DISTILL_VIEW, FINETUNE_VIEW, MOCO_VIEW_1, MOCO_VIEW_2, AugmentRecipe
from comedian.recipes.model import SOCCERNET_CLASSES, ModelRecipe, check_classes
from comedian.recipes.ranges import (
    Below1,
    Count,
    Fraction,
    Inside1,
    Number,
    Positive,
    Precision,
    Real,
    Seconds,
    Temperature,
    Width,
)

Sampler = Literal["stratified", "uniform", "every-second"]


@dataclass(frozen=True)
class OptimRecipe:
    """AdamW with linear warm-up and cosine decay, both per step."""

    epochs: Number
    batch_size: Count  # clips or windows of one step, over all processes
    base_lr: Real  # learning rate at 256 clips (and 64 frames, where windows are longer than clips)
    lr_scaling: Literal["frames", "batch", "none"] = (
        "frames"  # the peak grows with the batch and the frames, with the "batch", or "none"
    )
    warmup_epochs: Real = 0.0
    final_lr: Fraction = 0.0  # where the cosine ends, as a share of the peak
    weight_decay: Real = 0.05  # none on biases, norms, embeddings and tokens
    clip_norm: Positive = 1.0  # gradients are scaled down to this norm
    accumulate: Count = 1  # parts a process passes its share of the batch in, with the same gradient

    def peak_lr(self, num_frames: int = 64) -> float:
        """Learning rate at the top of the warm-up: base × batch / 256 × T / 64, or as `lr_scaling` says."""
        of_batch = 1.0 if self.lr_scaling == "none" else self.batch_size / 256
        of_frames = num_frames / 64 if self.lr_scaling == "frames" else 1.0
        return self.base_lr * of_batch * of_frames


@dataclass(frozen=True)
class SpotRecipe:
    """How windows slide over a half and how their scores are joined."""

    ignored_seconds: Seconds = 12.0  # R, of both ends of a window, except at the ends of a half
    merge: Literal["max", "average"] = "max"  # where windows overlap
    stride_tokens: Number = 0  # from one window to the next; 0 is half a window
    suppression: Literal["soft", "hard", "peak"] = "soft"  # of validation, and what `nms` is best asked for
    window_seconds: Seconds = 10.0  # its full width


@dataclass(frozen=True)
class PretrainSpatialRecipe:
    """Step 1: MoCo on single seconds (section 3.2, Eq. 1-2)."""

    model: ModelRecipe = field(default_factory=ModelRecipe)
    optim: OptimRecipe = field(
        default_factory=lambda: OptimRecipe(epochs=100, batch_size=1024, base_lr=5e-4, warmup_epochs=10.0)
    )
    view_1: AugmentRecipe = MOCO_VIEW_1
    view_2: AugmentRecipe = MOCO_VIEW_2
    sampler: Sampler = "every-second"  # or "stratified", "uniform": `clips_per_game` of them
    clips_per_game: Count = 5400  # an epoch, as many as 90 minutes have seconds; "every-second" takes all
    temperature: Temperature = 0.1
    queue_size: Count = 65_536  # negatives
    ema_start: Fraction = 0.99  # momentum of the twin, rising to 1 by a cosine
    hidden_dim: Width = 1024  # of projector and predictor
    output_dim: Width = 256
    head_norm: Literal["none", "batch"] = "none"  # "batch": as in MoCo v3, for small batches and short runs
    precision: Precision = "auto"


@dataclass(frozen=True)
class DistillRecipe:
    """Step 2: SCE against the bank (section 3.3, Eq. 3-6)."""

    model: ModelRecipe = field(default_factory=ModelRecipe)
    optim: OptimRecipe = field(
        default_factory=lambda: OptimRecipe(
            epochs=100, batch_size=32, base_lr=0.002, warmup_epochs=10.0, final_lr=0.01
        )
    )
    view: AugmentRecipe = DISTILL_VIEW
    sampler: Sampler = "stratified"  # one window in each stretch; or "uniform", "every-second"
    windows_per_game: Count = 75  # an epoch; "every-second" takes a window at every whole second instead
    mask_share: Below1 = 0.25  # α1, whole tubelets
    temperature: Temperature = 0.1  # τ
    sce_lambda: Fraction = 0.5  # λ, weight of the own feature in the target
    candidates: Literal["bank", "queue"] = (
        "bank"  # "bank" (complete) or "queue" (own window and a queue, as the authors' code)
    )
    queue_size: Count = 65_536  # for candidates = "queue"
    temperature_m: Temperature = 0.05  # τ_m for candidates = "queue"; the complete bank carries its own
    hidden_dim: Width = 1024  # of the projector
    copy_temporal: bool = True  # ViViT: temporal blocks start from the spatial ones
    precision: Precision = "auto"


@dataclass(frozen=True)
class FinetuneRecipe:
    """Step 3: classes (section 3.4, Eq. 7), first the head alone, then everything."""

    model: ModelRecipe = field(default_factory=ModelRecipe)
    head: OptimRecipe = field(
        default_factory=lambda: OptimRecipe(epochs=30, batch_size=64, base_lr=5e-4, final_lr=0.01)
    )
    full: OptimRecipe = field(
        default_factory=lambda: OptimRecipe(epochs=20, batch_size=64, base_lr=5e-4, final_lr=0.01)
    )
    freeze: bool = False  # in place of both: the spatial transformer's tokens are kept, the rest is trained
    frozen: OptimRecipe = field(
        default_factory=lambda: OptimRecipe(
            epochs=60, batch_size=16, base_lr=1e-3, lr_scaling="none", warmup_epochs=2.0, final_lr=0.01
        )
    )
    frozen_views: Number = 0  # random views that are kept beside the plain one
    unfrozen_epochs: Number = 0  # of everything, as `full`, afterwards
    scratch_epochs: Number = 100  # of everything, without the head's epochs, when step 2 was skipped
    view: AugmentRecipe = FINETUNE_VIEW
    sampler: Sampler = (
        "uniform"  # with the first and last window of each half; or "stratified", "every-second"
    )
    windows_per_game: Count = 50  # an epoch; "every-second" takes a window at every whole second instead
    mask_share: Below1 = 0.25  # α2, in training only
    mixup_alpha: Real = 0.1  # 0 is off
    classes: tuple[str, ...] = SOCCERNET_CLASSES
    head_prior: Inside1 = 0.5  # probability an untrained head gives everything; 0.5 is a zero bias
    radius_seconds: Seconds = 0.5  # ε, a frame this near to an action is positive
    sigma_seconds: Seconds = 0.0  # above 0, labels fall off around an action as a Gaussian, in place of ε
    offset_reach_seconds: Seconds = 0.0  # above 0, tokens this near to an action learn the time to it, too
    offset_weight: Real = 1.0  # of that loss beside the classes'
    spot: SpotRecipe = field(default_factory=SpotRecipe)
    choose_spot: bool = False  # in place of that, what is best on the validation
    precision: Precision = "auto"

    def __post_init__(self):
        check_classes(self.classes)


STAGES = {
    "pretrain-spatial": PretrainSpatialRecipe,
    "distill": DistillRecipe,
    "finetune": FinetuneRecipe,
}
