"""From a video to a score in three calls, with the numbers of `spot VIDEO | nms --soft | evaluate`."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from comedian.devices import pick_device
from comedian.evaluation import metrics
from comedian.evaluation.classes import classes_of
from comedian.evaluation.pairing import collect, pair
from comedian.formats.lookup import Labels
from comedian.formats.periods import Period
from comedian.formats.scores import Scores
from comedian.formats.spot import Spot
from comedian.models.spotter import Spotter
from comedian.progress import Report, silent
from comedian.recipes.suppress import THRESHOLD
from comedian.spotting.halves import find_sources
from comedian.spotting.sources import average_saved, load_ensemble, score_sources
from comedian.spotting.spots import spots_in_order
from comedian.spotting.suppress import suppress
from comedian.weights.hub import fetch, fetch_published

Name = str | Path


def load_spotter(name: Name | None = None, say: Callable[[str], None] = warnings.warn) -> Spotter:
    """A spotter from a weights file or the Hugging Face hub, on the CPU and in eval mode.

    Args:
        name: a file of `finetune` or of the authors, or `hf:OWNER/REPO[/FILE]`; None is the authors'
            fine-tuned ViViT-T.
        say: takes one line about which one stands in for None.

    Raises:
        InputError: the file is missing, damaged or not a spotter, or cannot be fetched.
    """
    return load_ensemble([fetch(name) if name else fetch_published(say)])[0]


def spot(
    sources: Name | Sequence[Name],
    spotter: Spotter | Sequence[Spotter],
    *,
    nms: str | None = "soft",
    threshold: float = THRESHOLD,
    device: str = "auto",
    root: Name | None = None,
    prefer: str | None = None,
    periods: Sequence[Period] = (),
    report: Report = silent,
    say: Callable[[str], None] = warnings.warn,
) -> list[Spot]:
    """The spots of some videos, half by half in time order.

    Args:
        sources: videos, frames files, game folders, lists of games, or saved scores.
        spotter: several are averaged.
        nms: "soft", "hard" or "peak" suppression with their usual widths; None keeps everything.
        threshold: least confidence of a spot before suppression.
        device: "auto" (CUDA if there is one), "cpu", "cuda" or "cuda:N".
        root: folder that a list's lines start from.
        prefer: ending, such as "224p", of the file to take where there are several for a half.
        periods: where those of the only video lie; else what stands beside a video counts.
        report: moves a progress bar (task, seconds done, seconds in all).
        say: takes one line about each damaged video.

    Raises:
        InputError: a source cannot be read, or frames differ from what the spotter was trained on.
    """
    spotters = [spotter] if isinstance(spotter, Spotter) else list(spotter)
    named = [sources] if isinstance(sources, str | Path) else sources
    halves, saved = find_sources(named, root, prefer, periods=tuple(periods))
    runs: Iterable[Scores] = average_saved(saved)
    classes = saved[0].classes if saved else spotters[0].classes
    if not saved:
        runs = score_sources(halves, spotters, spotters[0].spot, pick_device(device), report, say)
    reach = math.inf if saved else max(one.offset_reach_seconds for one in spotters)
    found = (one for part in spots_in_order(runs, classes, threshold, reach) for one in part.spots)
    return list(suppress(found, nms) if nms else found)


def evaluate(
    spots: Iterable[Spot],
    labels: Name | None = None,
    *,
    games: Name | None = None,
    classes: Sequence[str] | None = None,
    metric: str = "tight",
    framerate: int = 2,
) -> dict[str, Any]:
    """The official score of spots, in the official names: `a_mAP` is the average-mAP, a fraction of 1.

    Args:
        spots: `spot`'s, or dicts like those; they may come from any program.
        labels: a folder of `<game>/Labels-v2.json` or `<video>.json`, or one labels file; None looks beside
            each video.
        games: a list of games that count, also without a spot; None is the games of the spots.
        classes: all count, also those without a label; None is SoccerNet's 17, or the labels' own where
            none of them is one of those.
        metric: "tight", "loose", or "at1" to "at5".
        framerate: frames a second of the evaluation; SoccerNet's ball spotting has 25.

    Returns:
        one metric of `comedian.evaluation.metrics.evaluate`, and its `n_games`, `classes` and `warnings`.

    Raises:
        InputError: there are no labels for a video, or two videos hold the same half.
    """
    paths = [None if path is None else Path(path) for path in (labels, games)]
    videos = collect(spots)
    results, remarks = pair(videos, Labels(videos, *paths), games is not None)
    names, said = classes_of(results, classes)
    scores = metrics.evaluate(results, names, (metric,), framerate)
    about = {"n_games": scores["n_games"], "classes": scores["classes"]}
    return {**scores["metrics"][metric], **about, "warnings": remarks + said + scores["warnings"]}
