"""Fill the tables of docs/performance.md, and draw its growth, from what `make bench` left.

    performance_report.py TABLES PAGE

TABLES holds what the benchmarks printed, each below a line `# tests/bench/bench_NAME.py`; PAGE holds a
pair of comments `<!-- bench_NAME -->` and `<!-- /bench_NAME -->` for each.
"""

import json
import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from _measure import BUILD
from ablation_report import filled


def main(tables: Path, page: Path) -> None:
    """Tables into the page, the picture beside it."""
    _, *parts = re.split(r"^# tests/bench/(\w+)\.py\n", tables.read_text(), flags=re.MULTILINE)
    blocks = {name: f"\n{indented(text)}\n" for name, text in zip(parts[::2], parts[1::2], strict=True)}
    page.write_text(filled(page.read_text(), blocks))
    draw_growth(page.with_name("growth.png"))


def indented(text: str) -> str:
    """A block of code."""
    return "".join(f"    {line}\n" for line in text.strip("\n").splitlines())


def draw_growth(picture: Path) -> None:
    """One line a benchmark, over 1, 4 and 16 times the work; in grey what is linear."""
    figure, axes = plt.subplots(figsize=(10, 6), layout="constrained")
    axes.plot([1, 16], [1, 16], color="0.8", linewidth=7, label="linear")
    kept = json.loads((BUILD / "growth.json").read_text())
    for number, (what, record) in enumerate(sorted(kept.items())):
        work = [size / record["sizes"][0] for size in record["sizes"]]
        times = [seconds / record["seconds"][0] for seconds in record["seconds"]]
        style = "os^Dv<>Pp*hX"[number % 12] + ("-" if number < 10 else "--")
        axes.plot(work, times, style, label=f"{what}: {record['exponent']:.2f}")
    axes.set(xscale="log", yscale="log", xlabel="work, least = 1", ylabel="time, least = 1")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([1, 4, 16], ["1", "4", "16"])
        axis.set_ticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.legend(title="exponent")
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
