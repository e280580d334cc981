"""Parts and recomputation that let a training step fit a device's memory, reckoned from shapes.

GPU: not measured. What autograd keeps is `comedian.models.activations`'; the rest is listed here, with room
for CUDA itself and for what its allocator cannot use.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from comedian import distributed
from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.losses.attention import BLOCK_ROWS
from comedian.models.activations import Kept, kept
from comedian.models.meta import without_memory
from comedian.models.spatial import build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import TUBELET_FRAMES, ModelRecipe
from comedian.recipes.stages import PretrainSpatialRecipe
from comedian.training.accumulate import parts_of
from comedian.training.masks import num_masked

FLOAT = 4  # bytes
BY_PARAMETER = 4 * FLOAT + 2  # itself, its gradient, AdamW's two means, and its copy in bfloat16
CUDA_ITSELF = 1_000_000_000  # bytes: the context, workspaces of products
UNUSABLE = 0.1  # share that the allocator's blocks leave between tensors
SCORES = 6  # copies of the scores of step 1, kept and on the way
BLOCK_SCORES = 3  # likewise of a block of the bank in step 2
QUEUE_COPIES = 4  # of the authors' queue, whose rows are told apart
ENCODED_TUBELETS = 64  # that pass through a frozen spatial transformer at once
MIXED = 0.5  # copies of a view that mixup makes


@dataclass(frozen=True)
class Need:
    """Bytes of a device that a step takes: in any case, and for each clip of a part."""

    fixed: int
    clip: int

    def of(self, clips: int) -> int:
        """With so many clips at once, all in all."""
        return CUDA_ITSELF + round((self.fixed + clips * self.clip) / (1 - UNUSABLE))


@dataclass(frozen=True)
class Fit:
    """A recipe with the parts that fit, whether blocks are computed again, and a line that says so."""

    recipe: Any
    recompute: bool
    said: str


@dataclass(frozen=True)
class _Choice:
    """Parts of a batch, the most clips of one, and what they need; the fewest that fit, or the most."""

    parts: int
    clips: int
    bytes: int
    fits: bool


def fit_in(
    memory: int,
    recipe: Any,
    frame: tuple[int, int],
    *,
    half: bool = True,
    recompute: bool = False,
    bank: Bank | None = None,
) -> Fit:
    """The fewest parts that fit, blocks computed again only if they must be.

    Args:
        memory: bytes of the device.
        recipe: of one of the three stages; its own `accumulate` are the fewest parts.
        frame: (height, width) of stored frames, pixels.
        half: whether in mixed precision.
        recompute: it is wanted in any case.
        bank: of step 2.

    Raises:
        InputError: not even the smallest part with recomputation fits.
    """
    names = used_optims(recipe)

    def choices(again: bool) -> dict[str, _Choice]:
        needs = {name: need(recipe, frame, name, half, again, bank) for name in names}
        return {name: _choose(memory, recipe, name, needs[name]) for name in names}

    found = choices(recompute)
    if not recompute and not all(choice.fits for choice in found.values()):
        recompute, found = True, choices(True)
    least = max(found.values(), key=lambda choice: choice.bytes)
    if not least.fits:
        needs = "needs" if least.clips == 1 else "need"
        what = (
            f"{_gb(memory)} are too little: {_clips(least.clips)} at once {needs} about {_gb(least.bytes)}"
        )
        raise InputError(what, "--memory", "choose a smaller --recipe, or a smaller --batch-size")
    optims = {name: replace(getattr(recipe, name), accumulate=found[name].parts) for name in names}
    said = [
        f"{name}.accumulate={choice.parts}, {_clips(choice.clips)} at once, about {_gb(choice.bytes)}"
        for name, choice in found.items()
    ]
    said.append("--recompute" if recompute else "no --recompute")
    return Fit(replace(recipe, **optims), recompute, f"in {_gb(memory)}: {'; '.join(said)}")


def need(
    recipe: Any, frame: tuple[int, int], name: str, half: bool, recompute: bool, bank: Bank | None = None
) -> Need:
    """What a stage takes of a device; arguments as `fit_in`'s, `name` is that of an optimiser."""
    if name == "frozen":
        return _on_tokens(_networks(recipe.model, half))
    trains = name != "head"
    views, tokens, seen = _shape(recipe, trains)
    of = _networks(recipe.model, half)
    image = FLOAT * 3 * TUBELET_FRAMES * recipe.model.image_height * recipe.model.image_width
    clip = views * (tokens + seen) * image  # the view, and what is looked at of it
    clip += views * seen * _way_back(of.spatial, recompute, trains)
    clip += round(MIXED * tokens * image) if _mixes(recipe) else 0
    weights = views * of.spatial_weights  # those of the second view are the twin's
    if tokens > 1:
        clip += _way_back(of.temporal, recompute, trains)
        weights += of.temporal_weights
    batch = getattr(recipe, name).batch_size // distributed.world_size()
    frames = batch * tokens * TUBELET_FRAMES * 3 * frame[0] * frame[1]
    beside = _of_loss(recipe, tokens, bank)
    return Need(weights * BY_PARAMETER + frames + beside.fixed, clip + beside.clip)


def weights_of(model: ModelRecipe) -> int:
    """Numbers of both transformers."""
    networks = _networks(model, False)
    return networks.spatial_weights + networks.temporal_weights


def used_optims(recipe: Any) -> list[str]:
    """Names of the optimisers of a stage that are used."""
    if getattr(recipe, "freeze", False):
        return ["frozen", "full"] if recipe.unfrozen_epochs else ["frozen"]
    return [name for name in ("head", "full", "optim") if hasattr(recipe, name)]


@dataclass(frozen=True)
class _Networks:
    """What both transformers keep, of a tubelet and of a window, and how many weights they have."""

    spatial: Kept
    temporal: Kept
    spatial_weights: int
    temporal_weights: int


def _on_tokens(of: _Networks) -> Need:
    """With a frozen spatial transformer: chunks that pass through it once; features are small beside."""
    encoding = of.spatial_weights * FLOAT + ENCODED_TUBELETS * of.spatial.block
    return Need(encoding + of.temporal_weights * BY_PARAMETER, _way_back(of.temporal, False, True))


@cache
def _networks(model: ModelRecipe, half: bool) -> _Networks:
    with without_memory():
        spatial, temporal = build_spatial(model).train(), TemporalTransformer(model).train()
    of_space = kept(spatial, (3, TUBELET_FRAMES, *model.image_size), spatial.encode, half)
    of_time = kept(temporal, (model.num_tokens, model.embed_dim), temporal, half)
    weights = (sum(value.numel() for value in network.parameters()) for network in (spatial, temporal))
    return _Networks(of_space, of_time, *weights)


def _choose(memory: int, recipe: Any, name: str, need: Need) -> _Choice:
    """The fewest parts that fit, or the most there are."""
    optim = getattr(recipe, name)
    batch, together = optim.batch_size // distributed.world_size(), together_of(recipe, optim.batch_size)
    most = max(-(-batch // together), optim.accumulate)
    for number in range(optim.accumulate, most + 1):
        clips = max(part.stop - part.start for part in parts_of(batch, number, together))
        if need.of(clips) <= memory or number == most:
            break
    return _Choice(number, clips, need.of(clips), need.of(clips) <= memory)


def _shape(recipe: Any, trains: bool) -> tuple[int, int, int]:
    """Views of a clip, its tokens, and those that are looked at."""
    if isinstance(recipe, PretrainSpatialRecipe):
        return 2, 1, 1
    tokens = recipe.model.num_tokens
    return 1, tokens, tokens - num_masked(tokens, recipe.mask_share) if trains else tokens


def _way_back(of: Kept, recompute: bool, trains: bool) -> int:
    """Bytes of a clip: what is kept, what a block has again, and what is made of it on the way back."""
    if not trains:
        return of.block
    return of.inputs + 2 * of.block if recompute else of.whole + of.block


def _of_loss(recipe: Any, tokens: int, bank: Bank | None) -> Need:
    """The bank, queues of keys, and scores."""
    if isinstance(recipe, PretrainSpatialRecipe):
        keys = FLOAT * recipe.queue_size
        return Need(2 * keys * recipe.output_dim, SCORES * keys)
    if bank is None:
        return Need(0, 0)
    fixed = bank.features.nbytes + bank.targets.nbytes
    if recipe.candidates == "queue":
        fixed += QUEUE_COPIES * FLOAT * recipe.queue_size * bank.features.shape[1]
    return Need(fixed, BLOCK_SCORES * FLOAT * tokens * BLOCK_ROWS)


def together_of(recipe: Any, batch: int) -> int:
    """Clips that stay in one part: pairs that are mixed, or all whose heads have batch norm."""
    if getattr(recipe, "head_norm", "none") == "batch":
        return batch
    return 2 if _mixes(recipe) else 1


def _mixes(recipe: Any) -> bool:
    return getattr(recipe, "mixup_alpha", 0) > 0


def _clips(number: int) -> str:
    return f"{number} clip{'s' * (number > 1)}"


def _gb(number: int) -> str:
    return f"{number / 1e9:.3g} GB"
