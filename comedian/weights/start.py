"""What a step starts from, `--init`."""

from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from comedian.errors import InputError
from comedian.formats.checkpoint import Checkpoint, Header
from comedian.formats.frames import Geometry
from comedian.formats.provenance import fingerprint
from comedian.models.spatial import SpatialEncoder, build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.model import ModelRecipe
from comedian.weights.from_timm import is_timm, spatial_from_timm, timm_parts
from comedian.weights.load import load_weights, spatial_of, temporal_of

TEMPORAL_FIELDS = ("num_tokens", "temporal_depth", "temporal_heads", "drop_path")


class Start:
    """Nothing, weights of a step (ours or the authors', also on the hub), or an image model of timm.

    A weights file is read once, when the start is made.

    Attributes:
        text: what was named, or None.

    Raises:
        InputError: the weights are missing or damaged, or cannot be fetched.
    """

    def __init__(self, text: str | None = None):
        self.text = text
        self._checkpoint: Checkpoint | None = None
        if text is not None and not is_timm(text):
            self._checkpoint = load_weights(text)

    @property
    def header(self) -> Header | None:
        """What weights of a step say about themselves; None for other starts."""
        return None if self._checkpoint is None else self._checkpoint.header

    @property
    def files(self) -> list[Path]:
        """The local files it is read from."""
        if self._checkpoint is not None:
            return [Path(self._checkpoint.path)]
        file = timm_parts(self.text)[1] if self.text else None
        return [file] if file else []

    @cached_property
    def fingerprint(self) -> str | None:
        """What tells it from other starts, wherever its file lies."""
        return fingerprint(self.text)

    def spatial(self, model: ModelRecipe, geometry: Geometry) -> SpatialEncoder:
        """The spatial transformer of a recipe, for frames of a geometry, as it starts.

        Raises:
            InputError: the start is of another network or of other frames, or cannot be had.
        """
        if self.text is not None and self._checkpoint is None:
            return spatial_from_timm(model, self.text)
        if self._checkpoint is None:
            return build_spatial(model)
        model.validate()
        self._check(self._checkpoint.header, model, geometry, TEMPORAL_FIELDS)
        weights = spatial_of(self._checkpoint).state_dict()
        spatial = build_spatial(model)
        spatial.load_state_dict(weights)
        return spatial

    def temporal(self, model: ModelRecipe, geometry: Geometry) -> TemporalTransformer | None:
        """The temporal transformer, where the start has one (distilled weights, or a spotter).

        Raises:
            InputError: it is of another network or of other frames.
        """
        if self._checkpoint is None or self._checkpoint.kind == "spatial":
            return None
        self._check(self._checkpoint.header, model, geometry, ("drop_path",))
        weights = temporal_of(self._checkpoint).state_dict()
        temporal = TemporalTransformer(model)
        temporal.load_state_dict(weights)
        return temporal

    def _check(
        self, header: Header, model: ModelRecipe, geometry: Geometry, ignored: tuple[str, ...]
    ) -> None:
        wanted, found = asdict(model), asdict(header.model)
        for key in wanted.keys() - set(ignored):
            if wanted[key] != found[key]:
                raise InputError(
                    f"was trained with model.{key} = {found[key]}, the recipe says {wanted[key]}",
                    self.text,
                    "use the recipe it was trained with",
                )
        if header.geometry != geometry:
            raise InputError(
                f"was trained on frames of {header.geometry}, these are {geometry}",
                self.text,
                "extract the frames alike",
            )
