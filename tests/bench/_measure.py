"""What the benchmarks share: interleaved runs, child processes, tables of ratios, growth.

Run as a program, it starts one command and prints what that took: a child's peak memory counts from its
parent's, so that the parent must be small.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

BUILD = Path("build/bench")  # whatever a benchmark makes and keeps
BIN = Path(sys.executable).parent  # where our commands are installed
ROUNDS = 5


class Child(NamedTuple):
    """What a process took: seconds on the clock, seconds of all its cores, and its peak of memory."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


class Row(NamedTuple):
    """A line of a table of costs, of which less is better.

    Attributes:
        what: the work.
        ours: what it cost us, each time.
        other: what the limit or the peer cost in the same rounds; empty for a limit in numbers.
        target: "<= 1.15" of ours / other, ">= 50" of other / ours, or, without other, "<= 1" in `unit`.
    """

    what: str
    ours: Sequence[float]
    other: Sequence[float] = ()
    target: str = ""
    unit: str = "s"


def options(about: str) -> argparse.ArgumentParser:
    """Options of every benchmark: `--quick` for small sizes, and `--rounds`."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved runs of each case")
    return parser


def wall(case: Callable[[], Any]) -> float:
    """Seconds on the clock for one call."""
    start = time.perf_counter()
    case()
    return time.perf_counter() - start


def child(arguments: Sequence[str | Path], stdin: str | Path = os.devnull) -> Child:
    """Run a command to its end, its output thrown away; an exit status other than 0 is an error."""
    words = [sys.executable, "-IS", __file__, str(stdin), *map(str, arguments)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Child(*json.loads(done.stdout))


def interleaved(cases: dict[str, Any], rounds: int = ROUNDS, measure: Callable = wall) -> dict[str, list]:
    """Measure each case in turn, `rounds` times, every other round backwards.

    Args:
        cases: by name what `measure` takes: calls for `wall`, command lines for `child`.
        rounds: how often.
        measure: gives a case's cost; `wall` or `child`.

    Returns:
        by name the costs of all rounds.
    """
    costs: dict[str, list] = {name: [] for name in cases}
    for number in range(rounds):
        for name in list(cases)[:: -1 if number % 2 else 1]:
            costs[name].append(measure(cases[name]))
    return costs


def table(rows: Iterable[Row]) -> None:
    """Print medians, their ratio, and whether the target is met."""
    print(f"{'':<52}{'ours':>11}{'other':>11}{'ratio':>8}  target", flush=True)
    for row in rows:
        ours = median(row.ours)
        other = median(row.other) if row.other else None
        sign, _, limit = row.target.partition(" ")
        ratio = ours if other is None else other / ours if sign == ">=" else ours / other
        met = "" if not sign else "met" if (ratio <= float(limit)) == (sign == "<=") else "MISSED"
        cells = f"{_cost(ours, row.unit):>11}{_cost(other, row.unit):>11}"
        shown = "" if other is None else f"{ratio:.2f}"
        print(f"{row.what:<52}{cells}{shown:>8}  {row.target:<8} {met}".rstrip(), flush=True)


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Exponent of seconds = c * size ** exponent, by least squares over their logarithms."""
    x, y = [list(map(math.log, values)) for values in (sizes, seconds)]
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    slopes = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    return slopes / sum((a - x_mean) ** 2 for a in x)


def keep_growth(what: str, sizes: Sequence[float], seconds: Sequence[float], linear: bool = True) -> None:
    """Print how the time grows with the work, and keep it for the plot.

    Args:
        what: the work, as the plot names it.
        sizes: of the work, 1 for the least.
        seconds: medians; those of the start alone taken off, where that is most of them.
        linear: whether an exponent above 1.1 misses the target.
    """
    if min(seconds) <= 0:
        print(f"{what:<52}too little work to tell how it grows", flush=True)
        return
    exponent = growth(sizes, seconds)
    met = "" if not linear else "  met" if exponent <= 1.1 else "  MISSED"
    times = ", ".join(f"{size:g}x {_cost(cost, 's')}" for size, cost in zip(sizes, seconds, strict=True))
    print(f"{what:<52}{times}: work ^ {exponent:.2f}{met}", flush=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    record = {"sizes": list(sizes), "seconds": list(seconds), "exponent": exponent}
    path = BUILD / "growth.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(kept | {what: record}, indent=1))


def _cost(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{1000 * value:.3g} ms" if unit == "s" and value < 1 else f"{value:.4g} {unit}"


def _start(stdin: str, *arguments: str) -> Child:
    """Run a command and wait for it; in a process of its own, which is small."""
    start = time.perf_counter()
    with open(stdin, "rb") as source:
        process = subprocess.Popen(arguments, stdin=source, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{arguments[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return Child(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)  # Linux counts in KiB


if __name__ == "__main__":
    print(json.dumps(_start(*sys.argv[1:])))
