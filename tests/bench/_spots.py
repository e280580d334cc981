"""Made-up spots and labels of the sizes that benchmarks need, the same ones every time."""

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from comedian.recipes.model import SOCCERNET_CLASSES

MATCH_POSITIONS = 5412  # of a half of 45 minutes, two a second: 184,008 lines of two halves and 17 classes


def raw_match(folder: Path, kind: str, positions: int = MATCH_POSITIONS, matches: int = 1) -> Path:
    """A JSON Lines file with a score for each class at each position; made once.

    Args:
        folder: where it goes.
        kind: "match", low scores with peaks, as a spotter gives; "noise", uniform in 0 … 1, the worst case.
        positions: of a half.
        matches: one after the other.
    """
    path = folder / f"raw-{kind}-{positions}-{matches}.jsonl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("w") as stream:
            for match in range(matches):
                for half in (1, 2):
                    stream.writelines(
                        _raw_half(f"league/2026/Match {match}/{half}_224p.mkv", half, kind, positions)
                    )
    return path


def games(folder: Path, number: int, spots: int = 950, actions: int = 225) -> tuple[Path, Path]:
    """Folders of results and of labels in SoccerNet's layout, with so many of each a game; made once."""
    results, labels = folder / f"results-{number}", folder / f"labels-{number}"
    rng = random.Random(0)
    for game in range(0 if labels.exists() else number):
        name = f"league/2026/Game {game}"
        found = [_prediction(rng) for _ in range(spots)]
        wanted = [_annotation(rng) for _ in range(actions)]
        _write(results / name / "results_spotting.json", {"UrlLocal": name, "predictions": found})
        _write(labels / name / "Labels-v2.json", {"UrlLocal": name, "annotations": wanted})
    return results, labels


def _raw_half(video: str, half: int, kind: str, positions: int) -> Iterator[str]:
    rng = random.Random(half)
    score = {"match": _peaks, "noise": _noise}[kind](rng, positions)
    for position in range(positions):
        for name in SOCCERNET_CLASSES:
            confidence = round(score(name, position), 6)
            spot = {"video": video, "half": half, "position_ms": 500 * position, "label": name}
            yield json.dumps(spot | {"confidence": confidence}) + "\n"


def _noise(rng: random.Random, positions: int) -> Callable[[str, int], float]:
    return lambda name, position: rng.random()


def _peaks(rng: random.Random, positions: int) -> Callable[[str, int], float]:
    """A sigmoid of noise around -7, and of a peak some seconds wide for each 270 positions."""
    heights = {name: [0.0] * positions for name in SOCCERNET_CLASSES}
    for height in heights.values():
        for _ in range(positions // 270):
            middle, top = rng.randrange(positions), 10 * rng.random()
            for position in range(max(0, middle - 20), min(positions, middle + 20)):
                height[position] += top * math.exp(-(((position - middle) / 6) ** 2))
    return lambda name, position: 1 / (1 + math.exp(7 - rng.gauss(0, 0.7) - heights[name][position]))


def _prediction(rng: random.Random) -> dict:
    position = str(500 * rng.randrange(5400))
    half, label = rng.choice("12"), rng.choice(SOCCERNET_CLASSES)
    when = f"{half} - {int(position) // 60000}:{int(position) // 1000 % 60}"
    confidence = str(rng.random() ** 3)
    return {"gameTime": when, "label": label, "position": position, "half": half, "confidence": confidence}


def _annotation(rng: random.Random) -> dict:
    position = 40 * rng.randrange(67500)
    when = f"{rng.choice('12')} - {position // 60000:02}:{position // 1000 % 60:02}"
    seen = rng.choice(("visible",) * 3 + ("not shown",))
    label = rng.choice(SOCCERNET_CLASSES)
    return {"gameTime": when, "label": label, "position": str(position), "team": "home", "visibility": seen}


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
