"""EfficientNets as the project EfficientNet-PyTorch names their weights, by timm's names."""

from typing import Any

from torch import Tensor

STEM = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}


def is_of_efficientnet_pytorch(tensors: dict[str, Tensor]) -> bool:
    """Whether tensors are named as that project names them."""
    return "_conv_stem.weight" in tensors


def by_timms_names(tensors: dict[str, Tensor], model: Any) -> dict[str, Tensor]:
    """The tensors by the names that timm's EfficientNet of the same kind gives them.

    Args:
        model: timm's network, whose stages say where each of the numbered blocks belongs.
    """
    places = [
        f"blocks.{stage}.{block}"
        for stage, blocks in enumerate(model.blocks)
        for block in range(len(blocks))
    ]
    return {_timms(name, places, tensors): value for name, value in tensors.items()}


def _timms(name: str, places: list[str], tensors: dict[str, Tensor]) -> str:
    """timm's name of one tensor; its own where timm has none, which is told as one that does not fit."""
    part, _, rest = name.partition(".")
    if part != "_blocks":
        return f"{STEM[part]}.{rest}" if part in STEM else name
    number, part, rest = rest.split(".", 2)
    kinds = INVERTED if f"_blocks.{number}._expand_conv.weight" in tensors else SEPARABLE
    known = kinds | SQUEEZE
    if int(number) >= len(places) or part not in known:
        return name
    return f"{places[int(number)]}.{known[part]}.{rest}"
