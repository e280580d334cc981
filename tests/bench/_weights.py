"""Spotters with random weights, for the benchmarks that only time them."""

from dataclasses import asdict
from pathlib import Path

from comedian.formats.frames import Geometry
from comedian.models.spotter import Spotter
from comedian.recipes.resolve import resolve
from comedian.weights.load import save_spotter


def random_spotter(recipe: str) -> Spotter:
    """One of SoccerNet's 17 classes on a recipe's network, in eval mode."""
    stage = resolve("finetune", recipe)
    spotter = Spotter(stage.model, [f"class {number}" for number in range(17)])
    spotter.spot = stage.spot
    spotter.geometry = Geometry(fps=2.0, width=398, height=224, sampling="screen")
    return spotter.eval()


def weights(folder: Path, recipe: str) -> Path:
    """The file of one, made anew."""
    path, spotter = folder / f"{recipe}.safetensors", random_spotter(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    save_spotter(path, spotter, {"spot": asdict(spotter.spot)})
    return path
