"""Any image model of timm as the spatial transformer, `timm:NAME`: two frames are six channels.

timm takes seconds to import, which only who names one of its models waits for.

Letters: N tubelets, D width of a token, D' width of the image model's feature, H × W pixels.
"""

import difflib
import re
from typing import Any

from torch import Tensor, nn

from comedian.errors import InputError
from comedian.models.blocks import init_linear
from comedian.models.spatial import SpatialEncoder
from comedian.recipes.model import TUBELET_FRAMES, ModelRecipe

SHOWN = 300  # characters of timm's error
OPTIONAL = ("img_size", "drop_path_rate", "window_size")  # what not every image model takes
PLAIN_NAME = re.compile(r"[\w.-]+")  # of timm's own models; timm takes "local-dir:DIR", too, we do not
HUB_NAME = re.compile(r"hf-hub:[\w-][\w.-]*/[\w-][\w.-]*")


class Spatial(SpatialEncoder):
    """An image model without its classifier, and a linear layer where its feature has another width."""

    def __init__(self, recipe: ModelRecipe):
        super().__init__(recipe)
        name = recipe.timm_name
        check_name(name)
        try:
            self.image = create_model(name, pretrained=False, **image_options(recipe))
        except Exception as error:  # of each model's own kind
            reason = " ".join((str(error) or type(error).__name__).split())[:SHOWN]
            what = (
                f"timm's {name!r} cannot be built for {recipe.image_width}x{recipe.image_height}: {reason}"
            )
            raise InputError(what, remedy="set model.image_width and model.image_height") from error
        width: int = getattr(self.image, "head_hidden_size", None) or self.image.num_features  # D'
        if width != recipe.embed_dim:
            self.neck = nn.Linear(width, recipe.embed_dim)
        self.neck.apply(init_linear)

    def encode(self, tubelets: Tensor) -> Tensor:
        """Tubelets (N, 3, 2, H, W), normalised, to tokens (N, D)."""
        return self.neck(self.features(tubelets))

    def features(self, tubelets: Tensor) -> Tensor:
        """Tubelets (N, 3, 2, H, W), normalised, to the image model's features (N, D')."""
        return self.image(tubelets.transpose(1, 2).flatten(1, 2))  # (N, 6, H, W), the first frame first


def image_options(recipe: ModelRecipe) -> dict[str, Any]:
    """What an image model is to be like to see tubelets."""
    return {
        "in_chans": 3 * TUBELET_FRAMES,
        "num_classes": 0,
        "img_size": recipe.image_size,
        "drop_path_rate": recipe.drop_path,
    }


def create_model(name: str, **options: Any) -> Any:
    """`timm.create_model` without what the model does not take of `OPTIONAL`."""
    import timm

    while True:
        try:
            return timm.create_model(name, **options)
        except TypeError as error:
            refused = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            if not refused or refused[1] not in OPTIONAL or refused[1] not in options:
                raise
            options = {key: value for key, value in options.items() if key != refused[1]}


def check_name(name: str, hub: bool = False) -> None:
    """Raise InputError, with the nearest names, unless timm knows a model.

    Args:
        hub: whether `hf-hub:OWNER/REPO` will do, too; whether there is such a model only the hub can tell.
    """
    if hub and HUB_NAME.fullmatch(name):
        return
    if not PLAIN_NAME.fullmatch(name):
        others = " or hf-hub:OWNER/REPO" if hub else ""
        raise InputError(f"{name!r} is not a name of timm's", remedy=f"write timm:NAME{others}")
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(pretrained=False), 3)
        remedy = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists them"
        raise InputError(f"timm has no model {name!r}", remedy=remedy)
