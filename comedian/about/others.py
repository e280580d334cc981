"""What spots, labels, features, videos, lists, recipes and periods hold."""

import math
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av

from comedian.errors import InputError
from comedian.formats.actions import IN_FILE
from comedian.formats.clocks import hours_clock
from comedian.formats.features import open_features
from comedian.formats.games import read_list
from comedian.formats.labels import form_of, read_label_sets
from comedian.formats.periods import SUFFIX, periods_beside, to_intervals
from comedian.formats.records import read_records
from comedian.formats.soccernet import list_soccernet, read_soccernet
from comedian.formats.spot import KEYS, Outside, Spot
from comedian.formats.spots import read_spots_file
from comedian.video.decode import open_video
from comedian.video.sample import probe


def spots(path: Path) -> dict[str, Any]:
    """Spots, a line each: how many, of which halves and classes, how sure."""
    return _of_spots(read_spots_file(path))


def results(path: Path) -> dict[str, Any]:
    """SoccerNet's results: as spots, and the games."""
    return {"games": len(list_soccernet(path)), **_of_spots(read_soccernet(path))}


def _of_spots(found: Iterable[Spot]) -> dict[str, Any]:
    halves: Counter = Counter()
    classes: Counter = Counter()
    keys: set[str] = set()
    outside, least, most, first, last = Outside(), math.inf, -math.inf, math.inf, -math.inf
    for spot in found:
        halves[spot["video"], spot["half"]] += 1
        classes[spot["label"]] += 1
        keys |= spot.keys()
        outside.look([spot["confidence"]])
        least, most = min(least, spot["confidence"]), max(most, spot["confidence"])
        first, last = min(first, spot["position_ms"]), max(last, spot["position_ms"])
    if not halves:
        return {"spots": 0}
    return {
        "spots": halves.total(),
        "first_ms": first,
        "last_ms": last,
        "least_confidence": least,
        "largest_confidence": most,
        "remark": str(outside) if outside.number else "",
        "other_keys": sorted(keys - set(KEYS)),
        "classes": dict(classes.most_common()),
        "halves": [
            {"video": video, "half": half, "spots": number} for (video, half), number in halves.items()
        ],
    }


def labels(path: Path) -> dict[str, Any]:
    """Labels: their form, and how many there are of which classes and halves."""
    sets = read_label_sets(path)
    actions = [action for some in sets.values() for action in some]
    halves = Counter("in the file" if one.half == IN_FILE else f"half {one.half}" for one in actions)
    return {
        "form": form_of(path),
        "labels": len(actions),
        "classes": dict(Counter(action.label for action in actions).most_common()),
        "halves": dict(halves),
        "visibility": dict(Counter(action.visibility for action in actions)),
        "videos": [{"video": video, "labels": len(some)} for video, some in sets.items() if video],
    }


def features(path: Path) -> dict[str, Any]:
    """A feature file: its shape."""
    rows = open_features(path)
    return {"rows": int(rows.shape[0]), "width": int(rows.shape[1]), "type": str(rows.dtype)}


def video(path: Path) -> dict[str, Any]:
    """A video, by its headers."""
    found = probe(path)
    with open_video(path) as (container, stream):
        sound = [
            {"codec": one.codec_context.name, "rate": one.rate, "channels": one.channels}
            for one in container.streams.audio
            if one.codec_context is not None
        ]
        told = {"container": container.format.name, "bits_per_second": container.bit_rate or None}
        frames = stream.frames or None
    seconds = found.duration_seconds
    return {
        **told,
        "codec": found.codec,
        "width": found.width,
        "height": found.height,
        "rotation": found.rotation or None,
        "fps": found.fps,
        "frames": frames,
        "seconds": seconds,
        "lasts": "" if seconds is None else hours_clock(seconds),
        "sound": sound,
        "periods": to_intervals(periods_beside(path)),
        "read_with": f"FFmpeg {av.ffmpeg_version_info}",
    }


def games(path: Path) -> dict[str, Any]:
    """A list of games."""
    names = read_list(path)
    return {"games": len(names), "names": names}


def recipe(path: Path) -> dict[str, Any]:
    """A recipe: the values it sets."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not TOML: {error}", path, "see finetune --show-recipe for its form") from None
    return {"tables": list(tables), **{key: value for key, value in tables.items() if key != "recipe"}}


def epochs(path: Path) -> dict[str, Any]:
    """The records of a run's epochs: of each stage how many, the first and last loss; the last record."""
    records = list(read_records(path))
    stages = [
        {"stage": stage, "epochs": len(losses), "first_loss": losses[0], "last_loss": losses[-1]}
        for stage in dict.fromkeys(record["stage"] for record in records)
        for losses in [[record["loss"] for record in records if record["stage"] == stage]]
    ]
    return {"stages": stages, "last": records[-1]}


def periods(path: Path) -> dict[str, Any]:
    """A file of periods beside a video."""
    return {"periods": to_intervals(periods_beside(str(path).removesuffix(SUFFIX)))}
