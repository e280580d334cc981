"""nms: a match of raw scores against the clock, and its suppression against loops over frames.

Suppression and loops are given the times and scores of each class and half, and keep the same scores to the
last bit.
"""

from collections.abc import Callable
from functools import partial
from itertools import chain
from statistics import median

import torch
from _measure import BIN, BUILD, Row, child, interleaved, keep_growth, options, table
from _spots import MATCH_POSITIONS, raw_match

from comedian.formats.spots import read_spots
from comedian.spotting.suppress import THRESHOLD, WINDOW_SECONDS, by_half, keep_peak, keep_soft

REACH_MS = 500 * WINDOW_SECONDS["soft"]
KINDS = {"match": "", "noise": ", uniform noise"}

Track = tuple[list[int], list[float]]  # times in ms and scores of one class in one half


def main() -> None:
    """The command, the loops, memory and growth."""
    asked = options(__doc__).parse_args()
    positions = MATCH_POSITIONS // 4 if asked.quick else MATCH_POSITIONS
    commands(positions, asked.rounds)
    loops(positions, asked.rounds)
    memory(positions, asked.rounds)
    for kind, words in KINDS.items():
        work_growth(kind, f"nms --soft, length of a half{words}", positions // 4, asked.rounds)


def commands(positions: int, rounds: int) -> None:
    """The command on one match, start included."""
    cases = {
        f"nms --{method}, {34 * positions} lines{words}": [
            BIN / "nms",
            f"--{method}",
            raw_match(BUILD, kind, positions),
        ]
        for method in ("soft", "hard", "peak")
        for kind, words in KINDS.items()
    }
    found = interleaved(cases, rounds, child)
    table(
        Row(what, [cost.wall_seconds for cost in costs], (), "" if "noise" in what else "<= 1")
        for what, costs in found.items()
    )


def loops(positions: int, rounds: int) -> None:
    """Suppression against loops over the frames."""
    with raw_match(BUILD, "match", positions).open() as stream:
        tracks = [track for half in by_half(read_spots(stream, "match")) for track in as_tracks(half)]
    pairs = {
        "--soft against Python, every frame": (keep_soft, every_frame, ">= 50"),
        "--soft against torch, a slice a spot": (keep_soft, torch_slices, ">= 1"),
        "--peak against torch, frame by frame": (keep_peak, torch_peaks, ">= 50"),
    }
    rows = []
    for what, (ours, loop, target) in pairs.items():
        cases = {
            "ours": partial(of_all, tracks, partial(kept, ours)),
            "loop": partial(of_all, tracks, loop),
        }
        assert cases["ours"]() == cases["loop"](), what
        found = interleaved(cases, rounds)
        rows.append(Row(what, found["ours"], found["loop"], target))
    table(rows)


def memory(positions: int, rounds: int) -> None:
    """Peak memory of four matches against that of one."""
    cases = {number: [BIN / "nms", raw_match(BUILD, "match", positions, number)] for number in (1, 4)}
    peak = {
        number: [cost.peak_mb for cost in costs]
        for number, costs in interleaved(cases, rounds, child).items()
    }
    table([Row("memory of nms, four matches against one", peak[4], peak[1], "<= 1.05", "MB")])


def work_growth(kind: str, what: str, least: int, rounds: int) -> None:
    """Halves four and sixteen times as long, the start taken off."""
    sizes = (1, 4, 16)
    cases = {size: [BIN / "nms", "--soft", raw_match(BUILD, kind, size * least)] for size in sizes}
    cases[0] = [BIN / "nms", "--soft", raw_match(BUILD, kind, 1)]
    found = interleaved(cases, rounds, child)
    seconds = {size: median(cost.cpu_seconds for cost in costs) for size, costs in found.items()}
    keep_growth(what, sizes, [seconds[size] - seconds[0] for size in sizes])


def as_tracks(half: list[dict]) -> list[Track]:
    """Times and scores of each class of a half."""
    tracks: dict[str, Track] = {}
    for spot in half:
        times, scores = tracks.setdefault(spot["label"], ([], []))
        times.append(spot["position_ms"])
        scores.append(spot["confidence"])
    return list(tracks.values())


def of_all(tracks: list[Track], method: Callable) -> list[float]:
    """All scores that a method keeps, in order."""
    return sorted(chain.from_iterable(method(*track) for track in tracks))


def kept(ours: Callable, times: list[int], scores: list[float]) -> list[float]:
    """Scores that one of our methods keeps, of those that are not below the threshold."""
    high = [place for place, score in enumerate(scores) if score >= THRESHOLD]
    times, scores = [times[place] for place in high], [scores[place] for place in high]
    return [score for _, score in ours(times, scores, REACH_MS, THRESHOLD)]


def every_frame(times: list[int], scores: list[float]) -> list[float]:
    """The words of the method: look through all frames for the best, then weaken all frames near it."""
    scores, kept = list(scores), []
    while max(scores) >= THRESHOLD:
        best = scores.index(max(scores))
        kept.append(scores[best])
        for frame, time in enumerate(times):
            distance = abs(time - times[best])
            if distance < REACH_MS:
                scores[frame] *= distance / REACH_MS
        scores[best] = -1.0
    return kept


def torch_slices(times: list[int], scores: list[float]) -> list[float]:
    """The same on a tensor, with one product a spot, as the authors' code does it."""
    kept, tensor = [], torch.tensor(scores, dtype=torch.float64)
    moments = torch.tensor(times, dtype=torch.float64)
    while (top := tensor.max(0)).values >= THRESHOLD:
        best = int(top.indices)
        kept.append(float(top.values))
        near = slice(
            *torch.searchsorted(moments, moments[best] + torch.tensor([-REACH_MS, REACH_MS])).tolist()
        )
        tensor[near] *= ((moments[near] - moments[best]).abs() / REACH_MS).clamp(max=1)
        tensor[best] = -1.0
    return kept


def torch_peaks(times: list[int], scores: list[float]) -> list[float]:
    """What is the maximum of its neighbourhood, asked frame by frame, as the authors' code does it."""
    reach, tensor = int(REACH_MS) // (times[1] - times[0]), torch.tensor(scores, dtype=torch.float64)
    keep = torch.zeros(len(tensor), dtype=torch.bool)
    for frame, score in enumerate(tensor):
        before, after = tensor[max(frame - reach, 0) : frame + 1], tensor[frame : frame + reach + 1]
        keep[frame] = (
            (score >= before.max(0).values) & (score >= after.max(0).values) & (score >= THRESHOLD)
        )
    return tensor[keep].tolist()


if __name__ == "__main__":
    main()
