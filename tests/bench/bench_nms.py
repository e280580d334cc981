"""nms: a match of raw scores against the clock, and its suppression against loops over frames.

The loops are given arrays of scores; ours takes spots, sorts them and makes spots, in that time. All keep
the same scores, to the last bit.
"""

from collections.abc import Callable
from itertools import chain
from statistics import median

import torch
from _measure import BIN, BUILD, Row, child, interleaved, keep_growth, options, table
from _spots import MATCH_POSITIONS, raw_match

from comedian.formats.events import read_spots
from comedian.spotting.suppress import THRESHOLD, WINDOW_SECONDS, by_half, suppress_half

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
    table(Row(what, [cost.wall_seconds for cost in costs], (), "<= 1") for what, costs in found.items())


def loops(positions: int, rounds: int) -> None:
    """`suppress_half` against loops over the frames."""
    with raw_match(BUILD, "match", positions).open() as stream:
        halves = list(by_half(read_spots(stream, "match")))
    tracks = [track for half in halves for track in as_tracks(half)]
    cases: dict[str, Callable] = {
        "ours": lambda: [suppress_half(half) for half in halves],
        "Python, every frame": lambda: [python_loop(*track) for track in tracks],
        "torch, frame by frame": lambda: [torch_loop(*track) for track in tracks],
        "torch, slices": lambda: [torch_slices(*track) for track in tracks],
    }
    peers = list(cases)[1:]
    ours = sorted(one["confidence"] for half in cases["ours"]() for one in half)
    for name in peers:
        assert sorted(chain.from_iterable(cases[name]())) == ours, name
    found = interleaved(cases, rounds)
    targets = dict(zip(peers, (">= 50", ">= 50", ">= 1"), strict=True))
    table(Row(f"suppression against {name}", found["ours"], found[name], targets[name]) for name in peers)


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


def python_loop(times: list[int], scores: list[float]) -> list[float]:
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


def torch_loop(times: list[int], scores: list[float]) -> list[float]:
    """The same on a tensor, only the frames near the best one looked at."""
    kept, tensor = [], torch.tensor(scores, dtype=torch.float64)
    while (top := tensor.max(0)).values >= THRESHOLD:
        best = int(top.indices)
        kept.append(float(top.values))
        for step in (-1, 1):
            frame = best + step
            while 0 <= frame < len(times) and abs(times[frame] - times[best]) < REACH_MS:
                tensor[frame] *= abs(times[frame] - times[best]) / REACH_MS
                frame += step
        tensor[best] = -1.0
    return kept


def torch_slices(times: list[int], scores: list[float]) -> list[float]:
    """The same with one product a spot."""
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


if __name__ == "__main__":
    main()
