"""Teachers of step 2 that look at frames: our own weights, or an image model of timm.

Letters: n tubelets at hand, L tokens of a half or window, D width of the teacher, W windows.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from comedian.bank.build import Part, build_bank
from comedian.data.augment import to_input
from comedian.data.halves import Halves
from comedian.data.loader import ClipLoader
from comedian.errors import InputError
from comedian.formats.atomic import atomic_path
from comedian.formats.checkpoint import Checkpoint, Header
from comedian.formats.frames import Geometry
from comedian.formats.games import Game
from comedian.formats.part import part_folder
from comedian.models.packed import fastest
from comedian.models.spatial import SpatialEncoder
from comedian.progress import Report, silent
from comedian.recipes.bank import BankRecipe
from comedian.recipes.model import TUBELET_FRAMES
from comedian.weights.from_timm import is_timm, timm_model, timm_parts
from comedian.weights.load import load_weights, spatial_of, temporal_of

CPU = torch.device("cpu")
WINDOW_BATCH = 8  # windows that pass a temporal transformer together
BATCH = 32  # tubelets that a teacher sees at once
BATCH_CPU = 4  # of more, what a layer makes does not stay in the cache, and its memory is asked for anew


@dataclass(frozen=True)
class Teacher:
    """What turns the tubelets of a half into features.

    Attributes:
        text: what it is, in words.
        files: weights files of this machine it was read from.
        network: its modules, in eval mode, on the device.
        encode: uint8 tubelets (n, 2, H, W, 3) to features (n, D), each tubelet on its own.
        relate: features of a whole half (L, D) to features (L, D) that know their surroundings, or None.
        geometry: the frames it must be given, or None for any.
    """

    text: str
    files: tuple[Path, ...]
    network: nn.Module
    encode: Callable[[Tensor], Tensor]
    relate: Callable[[Tensor], Tensor] | None = None
    geometry: Geometry | None = None


def load_teacher(text: str, device: torch.device = CPU) -> Teacher:
    """A teacher by its name.

    Args:
        text: `timm:NAME` (downloads its weights if they are not there), `timm:NAME@FILE`, or a weights
            file, ours or the authors' or on the hub (`hf:…`): tokens of the spatial transformer if it is
            a spatial file, else output tokens of the temporal transformer, before the head.
        device: where it looks at frames.

    Raises:
        InputError: no such model or file, or its weights cannot be had.
    """
    if is_timm(text):
        return _timm_teacher(*timm_parts(text), device)
    return _own_teacher(load_weights(text), device)


def bank_from_frames(
    games: Sequence[Game],
    teacher: str,
    output: str | Path,
    recipe: BankRecipe,
    device: torch.device | str = "cpu",
    report: Report = silent,
    *,
    batch_size: int | None = None,
    workers: int = 2,
) -> dict:
    """Run a teacher over all frames of some games and make a bank of what it sees.

    A row is a tubelet of two frames, its time the mean of theirs; an odd last frame is left out. The
    features wait in a hidden folder beside `output` while the bank is made.

    Args:
        teacher: as for `load_teacher`.
        batch_size: tubelets the teacher sees at once; None is what the device does fastest.
        workers: threads that decode frames.

    Returns:
        the summary of `build_bank`.
    """
    device = torch.device(device)
    guide = load_teacher(teacher, device)
    halves = Halves.open(games)
    if guide.geometry not in (None, halves.geometry):
        raise InputError(
            f"was trained on frames of {guide.geometry}, these are {halves.geometry}",
            teacher,
            "extract the frames alike",
        )
    output = Path(output)
    batch_size = batch_size or (BATCH_CPU if device.type == "cpu" else BATCH)
    with part_folder(Path(os.path.realpath(output))) as folder:
        parts = list(_parts(guide, halves, folder, device, batch_size, workers, report))
        return build_bank(
            parts, output, recipe, teacher=guide.text, parents=guide.files, device=device, report=report
        )


def window_starts(num_tokens: int, length: int) -> list[int]:
    """First tokens of half-overlapping windows, the last of which ends with the half."""
    last = max(num_tokens - length, 0)
    return [*range(0, last, max(length // 2, 1)), last]


@torch.inference_mode()
def relate_windows(temporal: Callable[[Tensor], Tensor], tokens: Tensor, length: int) -> Tensor:
    """Output of a temporal transformer for each token of a half, from the window it is most central in.

    Args:
        temporal: (W, length, D) to (W, length, D).
        tokens: (L, D) of the whole half.
        length: tokens of a window; a shorter half is one window.
    """
    length = min(length, len(tokens))
    starts = torch.tensor(window_starts(len(tokens), length))  # (W,)
    windows = starts[:, None] + torch.arange(length)  # (W, length), token numbers
    related = torch.cat([temporal(tokens[part.to(tokens.device)]) for part in windows.split(WINDOW_BATCH)])
    middles = starts + (length - 1) / 2
    number = torch.arange(len(tokens))
    window = (number[:, None] - middles).abs().argmin(1)  # (L,)
    return related[window, number - starts[window]]


def _parts(
    teacher: Teacher,
    halves: Halves,
    folder: Path,
    device: torch.device,
    batch_size: int,
    workers: int,
    report: Report,
) -> Iterator[Part]:
    """Features of each half, one .npy file each in `folder`."""
    loader = ClipLoader(halves.files, TUBELET_FRAMES, workers, pin=device.type == "cuda")
    counts = [len(file) // TUBELET_FRAMES for file in halves.files]
    try:
        for number, (file, count) in enumerate(zip(halves.files, counts, strict=True)):
            if count == 0:
                raise InputError(f"has {len(file)} frames, a tubelet needs two", file.path, "leave it out")
            rows = folder / f"{number}.npy"
            features = _features(teacher, loader, number, count, device, batch_size)
            with atomic_path(rows) as temporary, temporary.open("wb") as opened:
                np.save(opened, features)
            report("features", sum(counts[: number + 1]), sum(counts))
            seconds = file.seconds[: count * TUBELET_FRAMES].reshape(-1, TUBELET_FRAMES).mean(axis=1)
            yield Part(halves.name_of(number), file.half, file.path, rows, seconds)
    finally:
        loader.close()


@torch.inference_mode()
def _features(
    teacher: Teacher, loader: ClipLoader, half: int, count: int, device: torch.device, batch_size: int
) -> np.ndarray:
    """Features (L, D) float32 of one half."""
    starts = np.arange(count) * TUBELET_FRAMES
    clips = np.stack([np.full_like(starts, half), starts], axis=1)
    batches = np.split(clips, range(batch_size, count, batch_size))
    encoded = [teacher.encode(frames.to(device)).float() for frames in loader.batches(batches)]
    whole = torch.cat(encoded)  # (L, D)
    return (teacher.relate(whole) if teacher.relate else whole).cpu().numpy()


def _own_teacher(checkpoint: Checkpoint, device: torch.device) -> Teacher:
    """Weights of a step: the spatial transformer, and where there is one the temporal."""
    header, spatial = checkpoint.header, fastest(spatial_of(checkpoint).to(device), device)
    network: nn.Module = spatial
    relate = None
    if header.kind != "spatial":
        temporal, length = temporal_of(checkpoint).to(device), header.model.num_tokens
        network, relate = (
            nn.ModuleList([spatial, temporal]),
            partial(relate_windows, temporal, length=length),
        )
    file = Path(checkpoint.path)
    encode = _encoder(spatial, header)
    return Teacher(f"{header.kind} {file.name}", (file,), network, encode, relate, header.geometry)


def _encoder(spatial: SpatialEncoder, header: Header) -> Callable[[Tensor], Tensor]:
    size = header.model.image_size
    return lambda frames: spatial.encode(to_input(frames, size, header.mean, header.std))


def _timm_teacher(name: str, file: Path | None, device: torch.device) -> Teacher:
    """An image model's pooled features, averaged over the two frames of a tubelet."""
    loaded: Any = timm_model(name, file).eval().to(device)
    config, model = loaded.pretrained_cfg, fastest(loaded, device)
    size, mean, std = config["input_size"][1:], config["mean"], config["std"]

    def encode(frames: Tensor) -> Tensor:
        video = to_input(frames, tuple(size), mean, std)  # (n, 3, 2, h, w)
        images = video.transpose(1, 2).flatten(0, 1)  # (n·2, 3, h, w)
        return model(images).unflatten(0, (-1, TUBELET_FRAMES)).mean(1)  # (n, D)

    text = f"timm:{name}" + (f"@{file.name}" if file else "")
    return Teacher(text, (file,) if file else (), model, encode)
