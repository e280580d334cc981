"""Step 1: MoCo self-supervision of the spatial transformer on single seconds (section 3.2, Eq. 1-2).

Letters: B clips, K width of queries and keys.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from comedian import distributed
from comedian.data.augment import apply, draw
from comedian.data.halves import Halves
from comedian.losses.moco import moco_loss
from comedian.models.heads import predictor, projector
from comedian.models.momentum import KeyQueue, MomentumTwin, ema_momentum
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.schema import check
from comedian.recipes.stages import PretrainSpatialRecipe
from comedian.training.drawn import Drawn, everyone
from comedian.training.epochs import Epochs
from comedian.training.loop import Stage, finish, fit
from comedian.training.run import Run
from comedian.training.schedule import seed_of
from comedian.weights.start import Start

STAGE = "pretrain-spatial"


class MocoStep(nn.Module):
    """Query network, its momentum twin and the queue of negatives.

    As in MoCo v3 the twin trains in the mode of the query network, with stochastic depth.
    """

    def __init__(self, spatial: SpatialEncoder, recipe: PretrainSpatialRecipe):
        super().__init__()
        self.recipe = recipe
        width, norm = recipe.model.embed_dim, recipe.head_norm == "batch"
        self.spatial = spatial
        self.projector = projector(width, recipe.hidden_dim, recipe.output_dim, norm)
        self.predictor = predictor(recipe.output_dim, recipe.hidden_dim, norm)
        self.twin = MomentumTwin(nn.ModuleList([self.spatial, self.projector]))
        self.queue = KeyQueue(recipe.queue_size, recipe.output_dim)
        self.keys: list[Tensor] = []  # (2, B, K), of both views, of each part of the iteration at hand

    def draw(self, batch: int, generator: torch.Generator) -> Drawn:
        """What chance decides for so many clips of this process."""
        views = [
            draw(view, everyone(batch), generator) for view in (self.recipe.view_1, self.recipe.view_2)
        ]
        return distributed.own_share(Drawn(tuple(views)))

    def forward(self, frames: Tensor, drawn: Drawn) -> Tensor:
        """Loss of some of this process's clips, uint8 (B, 2, H, W, 3)."""
        recipe = self.recipe
        views = [apply(frames, view, recipe.model.image_size) for view in drawn.views]
        query_1, query_2 = (self._query(view) for view in views)  # (B, K)
        with torch.no_grad():
            key_1, key_2 = (self._key(view) for view in views)  # (B, K)
        self.keys.append(torch.stack([key_1, key_2]))
        return moco_loss(query_1, query_2, key_1, key_2, self.queue.snapshot(), recipe.temperature)

    @torch.no_grad()
    def after_iteration(self, number: int, total: int) -> None:
        """Let the twin follow, and the keys of both views enter the queue."""
        self.twin.update(ema_momentum(number, total, self.recipe.ema_start))
        self.queue.push(torch.cat([distributed.gather(keys) for keys in torch.cat(self.keys, 1)]))
        self.keys = []

    def _query(self, view: Tensor) -> Tensor:
        return F.normalize(self.predictor(self.projector(self.spatial.encode(view))).float(), dim=1)

    def _key(self, view: Tensor) -> Tensor:
        spatial, project = cast(tuple[SpatialEncoder, nn.Module], tuple(self.twin.module.children()))
        return F.normalize(project(spatial.encode(view)).float(), dim=1)


def pretrain_spatial(
    halves: Halves, recipe: PretrainSpatialRecipe, run: Run, start: Start | None = None, preset: str = ""
) -> None:
    """Run step 1 over all halves and save the online spatial transformer to `run.output`.

    Raises:
        InputError: the frames are too few for one batch, or the start does not fit.
    """
    start = start or Start()
    stage = prepare(halves, recipe, run, start)
    with stage.epochs:
        fit(stage, run)
    finish(run, "spatial", stage.parts, recipe, halves, preset=preset, start=start)


def prepare(halves: Halves, recipe: PretrainSpatialRecipe, run: Run, start: Start) -> Stage:
    """What there is to train; arguments and errors as `pretrain_spatial`'s."""
    check(recipe, "the recipe")
    torch.manual_seed(seed_of(run.seed, "start"))
    step = MocoStep(start.spatial(recipe.model, halves.geometry), recipe)
    epochs = Epochs(
        halves,
        run,
        "clips",
        sampler=recipe.sampler,
        num_frames=TUBELET_FRAMES,
        per_game=recipe.clips_per_game,
        batch_size=recipe.optim.batch_size,
    )
    optim, parts = recipe.optim, dict[str, nn.Module](spatial=step.spatial)
    together = optim.batch_size if recipe.head_norm == "batch" else 1  # which is of the whole batch
    return Stage(STAGE, step, optim, optim.peak_lr(), epochs, parts, step.after_iteration, together)
