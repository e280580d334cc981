"""Fill the tables of docs/experiments.md, and draw its curves, from what `make ablation` left.

    ablation_report.py WORK PAGE

WORK holds SEED/ROW/{spotter.jsonl, valid.json, ignored-R.NMS.json}; PAGE holds pairs of comments
`<!-- name -->` and `<!-- /name -->`, and what is between them is replaced.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import mean, stdev

import matplotlib.pyplot as plt

TABLE_5 = {  # row: (step 1, step 2, the paper's t-AmAP in percent)
    "scratch": ("no", "no", 48.1),
    "step1": ("yes", "no", 54.7),
    "step2": ("no", "yes", 60.0),
    "both": ("yes", "yes", 64.7),
}
TABLE_4 = {
    "both": (0, 0, 64.7),
    "masks-25-0": (0.25, 0, "—"),
    "masks-25-25": (0.25, 0.25, 65.2),
    "masks-0-50": (0, 0.5, 55.5),
}
ROWS = [*(TABLE_5 | TABLE_4), "long"]
IGNORED = (0, 4, 8)
NMS = {
    "hard-3": "hard, 3 s",
    "hard-5": "hard, 5 s",
    "soft-5": "soft, 5 s",
    "soft-10": "soft, 10 s",
    "soft-15": "soft, 15 s",
}


def main(work: Path, page: Path) -> None:
    """Read all seeds, draw the curves beside the page and fill its tables."""
    seeds = sorted(path for path in work.iterdir() if path.name.isdigit())
    parts = {
        "table5": table_of(seeds, ("step 1", "step 2"), TABLE_5),
        "table4": table_of(seeds, ("α1", "α2"), TABLE_4),
        "table8": table_8(seeds),
        "classes": classes(seeds),
        "summary": summary(work, seeds),
    }
    draw_curves(seeds, page.with_suffix(".png"))
    page.write_text(filled(page.read_text(), parts))


def filled(text: str, parts: dict[str, str]) -> str:
    """The page with each part between its two comments."""
    for name, part in parts.items():
        pattern = rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)"
        text, found = re.subn(pattern, part.replace("\\", r"\\"), text, flags=re.DOTALL)
        if found != 1:
            sys.exit(f"the page has {found} places for {name}, not 1")
    return text


def table_of(seeds: list[Path], head: tuple[str, ...], rows: dict[str, tuple]) -> str:
    """Rows of settings, with the kept epoch's scores, the last epoch's, and the paper's."""
    lines = [
        (*map(str, settings), *scores(seeds, row), last_epoch(seeds, row), str(paper))
        for row, (*settings, paper) in rows.items()
    ]
    return markdown((*head, "tight", "loose", "last epoch, tight", "paper, tight"), lines)


def table_8(seeds: list[Path]) -> str:
    """Kinds of NMS against ignored seconds, tight."""
    rows = []
    for kind, words in NMS.items():
        names = (f"both/ignored-{seconds}.{kind}.json" for seconds in IGNORED)
        rows.append((words, *(spread(of_seeds(seeds, name, tight)) for name in names)))
    return markdown(("NMS", *(f"R = {seconds} s" for seconds in IGNORED)), rows)


def classes(seeds: list[Path]) -> str:
    """Tight scores of each class that has labels, scratch and both steps."""
    labels = read(seeds[0] / "both/valid.json")["metrics"]["tight"]["per_delta"]["n_targets_visible"]
    rows = []
    for name in filter(labels.get, labels):
        value = partial(tight_of, name=name)
        means = (mean(of_seeds(seeds, f"{row}/valid.json", value)) for row in ("scratch", "both"))
        rows.append((name, f"{labels[name]}", *(f"{100 * of_class:.0f}" for of_class in means)))
    return markdown(("class", "labels", "scratch", "both steps"), rows)


def summary(work: Path, seeds: list[Path]) -> str:
    """The full recipe, for the epochs of the tables and for more, and an ensemble, beside chance."""
    random = read(seeds[0] / "both/valid.json")["chance"]["metrics"]
    together = read(work / "ensemble.json")
    short, long = (len(curve(seeds[0] / row)) - 1 for row in ("both", "long"))  # epochs but the head's
    rows = [
        ("chance", *(f"{100 * random[kind]['a_mAP']:.1f}" for kind in ("tight", "loose"))),
        (f"both steps, {short} epochs", *scores(seeds, "both")),
        (f"both steps, {long} epochs", *scores(seeds, "long")),
        ("the same, last epoch", last_epoch(seeds, "long"), "not measured"),
        ("the same, R = 8 s", *scores(seeds, "long", "ignored-8.soft-10.json")),
        (f"the same, ensemble of {len(seeds)}", *(spread([value(together)]) for value in (tight, loose))),
    ]
    return markdown(("", "tight", "loose"), rows)


def scores(seeds: list[Path], row: str, file: str = "valid.json") -> tuple[str, str]:
    """Tight and loose a-mAP of a row's kept epoch, over seeds."""
    tights, looses = (of_seeds(seeds, f"{row}/{file}", value) for value in (tight, loose))
    return spread(tights), spread(looses)


def last_epoch(seeds: list[Path], row: str) -> str:
    """Tight a-mAP of the last epoch, whatever was kept."""
    return spread([curve(seed / row)[-1] for seed in seeds])


def curve(row: Path) -> list[float]:
    """Tight a-mAP on the validation games after each epoch."""
    return [record["valid_tight_a_mAP"] for record in records(row / "spotter.jsonl")]


def draw_curves(seeds: list[Path], path: Path) -> None:
    """Loss of steps 1 and 2 and validation score of step 3, one thin line a seed, one thick the mean."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    panel(left, "step 1: loss (InfoNCE)", {"": [losses(seed / "spatial.jsonl") for seed in seeds]})
    distilled = {
        row: [losses(seed / row / "distilled.jsonl") for seed in seeds]
        for row in ("step2", "both", "masks-25-25")
    }
    panel(middle, "step 2: loss (SCE)", distilled)
    spotters = {row: [[100 * value for value in curve(seed / row)] for seed in seeds] for row in ROWS}
    panel(right, "step 3: tight a-mAP on valid, %", spotters)
    figure.savefig(path, dpi=110)


def panel(axes, title: str, lines: dict[str, list[list[float]]]) -> None:
    """One diagram over epochs."""
    for color, (name, runs) in enumerate(lines.items()):
        for run in runs:
            axes.plot(range(1, len(run) + 1), run, color=f"C{color}", alpha=0.25, linewidth=1)
        average = [mean(values) for values in zip(*runs, strict=True)]
        axes.plot(range(1, len(average) + 1), average, color=f"C{color}", linewidth=2, label=name)
    axes.set(title=title, xlabel="epoch")
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend()


def losses(path: Path) -> list[float]:
    """Mean loss of each epoch."""
    return [record["loss"] for record in records(path)]


def records(path: Path) -> list[dict]:
    """The JSON lines of a training command; an epoch that was repeated after a stop counts once."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return list({(line["stage"], line["epoch"]): line for line in lines}.values())


def of_seeds(seeds: list[Path], name: str, value: Callable[[dict], float]) -> list[float]:
    """A value of the same score file of each seed."""
    return [value(read(seed / name)) for seed in seeds]


def read(path: Path) -> dict:
    """A score file of `evaluate`."""
    return json.loads(path.read_text())


def tight(found: dict) -> float:
    """Tight a-mAP, a share of 1."""
    return found["metrics"]["tight"]["a_mAP"]


def loose(found: dict) -> float:
    """Loose a-mAP, a share of 1."""
    return found["metrics"]["loose"]["a_mAP"]


def tight_of(found: dict, name: str) -> float:
    """Tight a-mAP of one class."""
    return found["metrics"]["tight"]["a_mAP_per_class"][name]


def spread(values: list[float]) -> str:
    """Mean and standard deviation, in percent."""
    deviation = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.1f}{deviation}"


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
