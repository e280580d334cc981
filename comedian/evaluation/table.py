"""Scores as a table for people; the numbers are shares of 1, as in the JSON."""

from collections.abc import Sequence


def score_table(result: dict) -> str:
    """Plain text, one class a line, from `metrics.evaluate`, with `chance` beside it where it is given."""
    metrics, chance = result["metrics"], result.get("chance", {}).get("metrics", {})
    counts = next(iter(metrics.values()))["per_delta"]
    header = ["class", "labels", "unshown"]
    for name in metrics:
        header += [name, "chance"] if chance else [name]
    rows = [header]
    for label in result["classes"]:
        visible, unshown = counts["n_targets_visible"][label], counts["n_targets_unshown"][label]
        rows.append([label, str(visible + unshown), str(unshown)])
        for name, metric in metrics.items():
            rows[-1].append(_number(metric["a_mAP_per_class"][label]))
            rows[-1] += [_number(chance[name]["a_mAP_per_class"][label])] if chance else []
    return _lay_out(rows, _means(result, metrics, chance))


def _means(result: dict, metrics: dict, chance: dict) -> list[list[str]]:
    """The lines below the classes."""
    lines = {
        f"mean of {len(result['classes'])} classes": "a_mAP",
        "mean of classes with labels": "a_mAP_present_classes",
        "mean, visible actions": "a_mAP_visible",
        "mean, unshown actions": "a_mAP_unshown",
    }
    rows = []
    for title, key in lines.items():
        rows.append([title, "", ""])
        for name, metric in metrics.items():
            rows[-1].append(_number(metric.get(key)))
            rows[-1] += [_number(chance[name].get(key))] if chance else []
    return rows


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _lay_out(rows: Sequence[list[str]], means: Sequence[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, *means, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in (*rows, *means)
    ]
    return "\n".join([lines[0], rule, *lines[1 : len(rows)], rule, *lines[len(rows) :]]) + "\n"
