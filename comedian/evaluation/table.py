"""Scores as a table for people; the numbers are shares of 1, as in the JSON."""

from collections.abc import Sequence
from typing import Any

PRESENT = "a_mAP_present_classes"


def score_table(result: dict) -> str:
    """Plain text from `study.study`: the means, a line a class, a line a game, and a comparison, if any."""
    columns = _columns(result)
    unshown = next(iter(result["metrics"].values()))["per_delta"]["n_targets_unshown"]
    rows = []
    for label in result["classes"]:
        cells = [_cell(part.get("a_mAP_per_class", {}).get(label)) for _, part in columns]
        rows.append([label, str(_labels(result, label)), str(unshown[label]), *cells])
    header = ["class", "labels", "unshown", *(title for title, _ in columns)]
    blocks = [_lay_out([header], _means(result, columns), rows)]
    if "games" in result:
        blocks.append(_games(result))
    if "comparison" in result:
        blocks.append(_comparison(result))
    return "\n".join(blocks)


def _columns(result: dict) -> list[tuple[str, dict]]:
    """Titles, and what stands below them: each metric, its interval, its chance."""
    found = []
    beside = {"95 %": result.get("intervals"), "chance": result.get("chance")}
    for name, metric in result["metrics"].items():
        found.append((name, metric))
        found += [(title, part["metrics"][name]) for title, part in beside.items() if part]
    return found


def _means(result: dict, columns: Sequence[tuple[str, dict]]) -> list[list[str]]:
    """The lines above the classes; the one that classes without labels don't lower comes first."""
    number = len(result["classes"])
    lines = {
        "mean of classes with labels": PRESENT,
        f"mean of {number} {'class' if number == 1 else 'classes'}": "a_mAP",
        "mean, visible actions": "a_mAP_visible",
        "mean, unshown actions": "a_mAP_unshown",
    }
    return [[title, "", "", *(_cell(part.get(key)) for _, part in columns)] for title, key in lines.items()]


def _games(result: dict) -> str:
    header = ["game", "labels", "spots", *result["metrics"]]
    rows = [
        [name, str(game["labels"]), str(game["spots"])]
        + [_cell(game["metrics"][metric][PRESENT]) for metric in result["metrics"]]
        for name, game in result["games"].items()
    ]
    return "each game, mean of its classes with labels\n\n" + _lay_out([header], rows)


def _comparison(result: dict) -> str:
    """The means by each metric, and below them each class with labels by the first one."""
    found = result["comparison"]
    first = next(iter(found["metrics"]))
    header = ["mean of classes with labels", "these", "other", "difference", "95 %", "p"]
    rows = [
        [name, *(_cell(part[PRESENT][key]) for key in part[PRESENT]), _cell(part["p"])]
        for name, part in found["metrics"].items()
    ]
    classes = [
        [f"{first}, {label}", *map(_cell, pair.values()), "", ""]
        for label, pair in found["metrics"][first]["a_mAP_per_class"].items()
        if _labels(result, label)
    ]
    return f"against {found['other']}\n\n" + _lay_out([header], rows, classes) + f"\n{found['test']}\n"


def _labels(result: dict, label: str) -> int:
    """How many labels of a class there are."""
    counts = next(iter(result["metrics"].values()))["per_delta"]
    return counts["n_targets_visible"][label] + counts["n_targets_unshown"][label]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return "…".join(f"{bound:.3f}" for bound in value) if isinstance(value, list) else f"{value:.4f}"


def _lay_out(*blocks: Sequence[list[str]]) -> str:
    """Blocks of rows in common columns, with a rule between them."""
    widths = [
        max(map(len, column)) for column in zip(*(row for block in blocks for row in block), strict=True)
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1)) + "\n"
    return rule.join("".join(_line(row, widths) for row in block) for block in blocks)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
    return "  ".join(cells).rstrip() + "\n"
