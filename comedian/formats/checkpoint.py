"""Weights files: safetensors whose header says what the weights are.

The tensors' names begin with `spatial.`, `temporal.` or `projector.`. The header is safetensors' own
metadata, where every value is JSON: format, version, and the fields of `Header`. Nothing is pickled.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.formats.frames import Geometry
from comedian.recipes.frames import FramesRecipe
from comedian.recipes.model import MEAN, STD, ModelRecipe, check_classes
from comedian.recipes.ranges import Fraction, Number, Quality, Seconds, UpTo1
from comedian.recipes.schema import checked, made, table
from comedian.recipes.stages import STAGES, SpotRecipe

if TYPE_CHECKING:
    from torch import Tensor  # a header is read without torch

FORMAT = "comedian weights"
JPEG_QUALITY = "jpeg_quality"  # beside the recipe of step 3: of the frames files, 0 where they are raw
VERSION = 2  # since 2 the class head is `heads.classes`, before it was `temporal.head`
AGAIN = "make it again"
MAKER = {"spatial": "pretrain-spatial", "distilled": "distill", "spotter": "finetune"}  # kind -> command


@dataclass(frozen=True)
class Header:
    """What a weights file says about itself.

    Attributes:
        kind: "spatial", "distilled" or "spotter".
        model: the network's geometry.
        geometry: the frames it was trained on.
        classes: names of a spotter's classes in the order of its logits; otherwise empty.
        mean, std: normalisation of pixels in 0..1, one number for all channels.
        recipe: the resolved recipe of the step.
        curves: of a spotter that was validated: [confidence, precision, recall] of each class, at falling
            confidence, as `comedian.evaluation.curves` makes them; it is left out where there is none.
        provenance: JSON text of `comedian.formats.provenance`.
        offset_reach_seconds: of a spotter that tells times to actions, how far they may be; else it is
            left out: older versions refuse what they do not know.
    """

    kind: str
    model: ModelRecipe
    geometry: Geometry
    classes: tuple[str, ...] = ()
    mean: Fraction = MEAN
    std: UpTo1 = STD
    recipe: dict = field(default_factory=dict)
    provenance: str = "{}"
    curves: dict[str, list[tuple[Fraction, Fraction, Fraction]]] = field(default_factory=dict)
    offset_reach_seconds: Seconds = 0.0

    def __post_init__(self):
        check_classes(self.classes)

    @property
    def jpeg_quality(self) -> int:
        """Of the frames that a frozen spatial encoder was trained beside; 0 where it does not matter.

        An encoder that was not trained itself tells a JPEG from a video's picture.
        """
        if not self.recipe.get("freeze"):
            return 0
        kept = self.recipe.get(JPEG_QUALITY, FramesRecipe.quality)
        return int(checked(JPEG_QUALITY, kept, Quality, None, AGAIN))

    @property
    def spot(self) -> SpotRecipe:
        """How a spotter's windows slide, and what its validation was suppressed with."""
        return table(self.recipe.get("spot", {}), SpotRecipe, None, AGAIN)


@dataclass(frozen=True)
class Checkpoint:
    """A weights file that was read: its header, and its tensors by name, on the CPU."""

    path: str | Path
    header: Header
    tensors: "dict[str, Tensor]"

    @property
    def kind(self) -> str:
        """As the header says."""
        return self.header.kind

    def check_kind(self, expect: str | Collection[str]) -> "Checkpoint":
        """Return it itself; InputError unless it is of the expected kind, or of one of the kinds."""
        wanted = [expect] if isinstance(expect, str) else list(expect)
        if self.kind not in wanted:
            makers = " or ".join(MAKER[kind] for kind in wanted)
            what = f"is a {self.kind} checkpoint, but a {' or '.join(wanted)} is needed"
            raise InputError(what, self.path, f"run {makers}")
        return self


def save_checkpoint(path: str | Path, kind: str, tensors: "dict[str, Tensor]", header: Header) -> None:
    """Write a weights file, whole or not at all."""
    from safetensors.torch import save

    assert kind in MAKER, kind
    assert kind == header.kind, f"{kind} weights with the header of a {header.kind}"
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        # save_file would put another file in its place, without its lock and for its owner alone
        temporary.write_bytes(save(tensors, metadata_of(header)))


def metadata_of(header: Header) -> dict[str, str]:
    """A header as a file's metadata, JSON by name; `parsed_header` reads it."""
    values = {"format": FORMAT, "version": VERSION, **asdict(header)}
    values["provenance"] = json.loads(header.provenance)
    for name in ("curves", "offset_reach_seconds"):
        if not values[name]:
            del values[name]
    return {name: json.dumps(value) for name, value in values.items()}


def load_checkpoint(path: str | Path, expect: str | Collection[str] = tuple(MAKER)) -> Checkpoint:
    """Read a weights file, opened once.

    Args:
        expect: the kind, or kinds, that will do.

    Raises:
        InputError: the file is missing, damaged, not ours, too new, or of another kind.
    """
    metadata, tensors = read_safetensors(path)
    return parsed_checkpoint(path, metadata, tensors).check_kind(expect)


def read_header(path: str | Path) -> Header:
    """What a weights file says about itself, without its tensors; raises as `load_checkpoint`."""
    return parsed_header(path, read_safetensors(path, tensors=False)[0])


def read_safetensors(path: str | Path, tensors: bool = True) -> "tuple[dict[str, str], dict[str, Tensor]]":
    """Metadata and tensors of a safetensors file of anybody's.

    Raises:
        InputError: the file is missing, cut short or no safetensors.
    """
    if not Path(path).is_file():
        raise InputError("no such weights file", path, "check the path")
    try:
        with safe_open(path, framework="pt" if tensors else "np") as file:
            names = file.keys() if tensors else ()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError, TypeError, RuntimeError):
        if _is_cut_short(Path(path)):
            raise InputError("is cut short", path, "copy or make it again") from None
        raise InputError("is not a safetensors file", path, f"give weights made by {_makers()}") from None


def read_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Shapes of a safetensors file's tensors by name, from its header; raises as `read_safetensors`."""
    read_safetensors(path, tensors=False)
    with safe_open(path, framework="np") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def is_ours(metadata: dict[str, str]) -> bool:
    """Whether a safetensors file says that it is one of our weights files."""
    return metadata.get("format") == json.dumps(FORMAT)


def parsed_checkpoint(
    path: str | Path, metadata: dict[str, str], tensors: "dict[str, Tensor]"
) -> Checkpoint:
    """A weights file of ours from what `read_safetensors` gave; raises as `load_checkpoint`."""
    return Checkpoint(path, parsed_header(path, metadata), tensors)


def parsed_header(path: str | Path, metadata: dict[str, str]) -> Header:
    """The header that a file's metadata tell; InputError where it is damaged, not ours or too new."""
    if not is_ours(metadata):
        raise InputError("holds weights, but not ours", path, f"give weights made by {_makers()}")
    try:
        values = {name: json.loads(value) for name, value in metadata.items()}
    except (RecursionError, ValueError) as error:
        raise InputError(f"its header is damaged: {error}", path, AGAIN) from None
    unknown = _unknown(values)
    if unknown or checked("version", values.get("version", 1), Number, path, AGAIN) > VERSION:
        about = f" ({', '.join(unknown)})" if unknown else ""
        raise InputError(f"was written by a newer version{about}", path, "update comedian")
    values["provenance"] = json.dumps(
        checked("provenance", values.get("provenance", {}), dict[str, Any], path, AGAIN)
    )
    header = table(values, Header, path, AGAIN)
    made(header.model.validate, path, AGAIN)
    stage = STAGES[MAKER[header.kind]]
    table(header.recipe, stage, path, AGAIN, base=stage())
    checked("preset", header.recipe.get("preset", ""), str, path, AGAIN)
    return header


def _unknown(values: dict) -> list[str]:
    """What a header tells that this version does not know: another kind, network or form of frames."""
    tables = (
        ("", values, {*_names(Header), "format", "version"}),
        ("model.", values.get("model", {}), _names(ModelRecipe)),
        ("geometry.", values.get("geometry", {}), _names(Geometry)),
    )
    keys = [
        f"{prefix}{key}"
        for prefix, found, known in tables
        if isinstance(found, dict)
        for key in found.keys() - known
    ]
    kind = values.get("kind")
    return keys + [f"kind {kind}"] * (kind not in (None, *MAKER))


def _names(kind: Any) -> set[str]:
    return {part.name for part in fields(kind)}


def _is_cut_short(path: Path) -> bool:
    """Whether a damaged file begins as safetensors do: the length of a header, then JSON."""
    with open(path, "rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") < 100_000_000


def _makers() -> str:
    *most, last = MAKER.values()
    return f"{', '.join(most)} or {last}"
