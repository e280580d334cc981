"""Curves of a score as an SVG picture: average precision over tolerances, precision over recall by class.

All numbers are pixels but for those of the curves, which are fractions of 1. Colours are of Okabe and Ito's
palette, which the colour-blind can tell apart; line widths and dashes say the same.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from comedian.errors import InputError
from comedian.evaluation.cells import GameResult
from comedian.evaluation.counts import Counts, count, precisions
from comedian.evaluation.metrics import METRICS, share

SHADES = (
    "#56b4e9",
    "#0072b2",
    "#002b45",
)  # of up to three tolerances, the widest the darkest
OTHER = "#d55e00"
GREY, INK, LINE = "#b0b0b0", "#202020", "#d8d8d8"
COLUMNS = 4
WIDTH, MARGIN = 1000, 24
PANEL = 150  # side of a class's panel
HEIGHT_OF_TOP = 220  # height of the curves over tolerances
TITLE = 34  # above a panel
NAME_LENGTH = 24  # characters of a class's name that fit above its panel
UNUSABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0, section 2.2

Points = Iterable[tuple[float, float]]


class Box(NamedTuple):
    """A panel's place: left, top, width and height."""

    left: float
    top: float
    width: float
    height: float

    def place(self, across: float, up: float) -> str:
        """The pixels of a point, both coordinates fractions of 1."""
        return f"{self.left + across * self.width:.1f},{self.top + (1 - up) * self.height:.1f}"


def check_picture(path: str | Path) -> None:
    """Raise InputError unless a picture can be drawn into a file of this name."""
    if Path(path).suffix.lower() != ".svg":
        name = Path(path).with_suffix(".svg").name if Path(path).stem.strip("-.") else "plot.svg"
        what = "pictures are drawn as .svg only, which browsers show and print"
        raise InputError(what, path, f"name it {name}")


def plot(
    games: Sequence[GameResult],
    classes: Sequence[str],
    metrics: Sequence[str],
    framerate: int,
    other: Sequence[GameResult] | None = None,
) -> str:
    """The curves of some games as the text of an SVG file.

    Args:
        metrics: of `metrics.METRICS`; the first one's tolerances are those of precision and recall, three
            of them at most.
        other: the same games with another's spots, drawn in another colour, with dashes.
    """
    tolerances = sorted({seconds for metric in metrics for seconds in METRICS[metric]})
    counts = count(games, classes, tolerances, framerate).total()
    second = None if other is None else count(other, classes, tolerances, framerate).total()
    present = np.flatnonzero(counts.labels[0] > 0).tolist()
    shown = _three([tolerances.index(seconds) for seconds in METRICS[metrics[0]]])
    parts = [_over_tolerances(counts, second, classes, present, tolerances)]
    below = MARGIN + TITLE + HEIGHT_OF_TOP + 70
    parts.append(_legend([tolerances[row] for row in shown], second is not None, below))
    for number, column in enumerate(present):
        box = _panel(number, below + 20)
        widest = f"at {tolerances[shown[-1]]} s"
        parts.append(_class_panel(counts, second, (column, classes[column]), shown, widest, box))
    rows = -(-len(present) // COLUMNS)
    height = below + 20 + rows * (PANEL + TITLE + 40) + MARGIN
    if absent := [label for number, label in enumerate(classes) if number not in present]:
        parts.append(_text(MARGIN, height, f"without labels: {', '.join(absent)}", size=11))
        height += MARGIN
    return _document(parts, height, f"{len(games)} games, {int(counts.labels.sum())} labels")


def _three(rows: Sequence[int]) -> list[int]:
    """The first, the middle and the last."""
    return sorted({rows[0], rows[len(rows) // 2], rows[-1]})


def _over_tolerances(
    counts: Counts, other: Counts | None, classes: Sequence[str], present: list[int], tolerances: list[int]
) -> str:
    """Average precision over tolerances: of each class thin, of their mean thick."""
    box = Box(MARGIN + 40, MARGIN + TITLE, WIDTH - 2 * MARGIN - 40, HEIGHT_OF_TOP)
    title = "average precision over tolerance (s): mean of classes with labels thick, each class thin"
    parts = [_text(MARGIN, MARGIN + 14, title, size=14), _frame(box, _ticks(tolerances))]
    curves = precisions(counts)[0]  # (K, C)
    for column in present:
        parts.append(_curve(box, _spread(tolerances, curves[:, column]), GREY, 1, title=classes[column]))
    if present and other is not None:
        mean = precisions(other)[0][:, present].mean(axis=1)
        parts.append(_curve(box, _spread(tolerances, mean), OTHER, 3, "7 4", "mean, the other spots"))
    if present:
        mean = curves[:, present].mean(axis=1)
        parts.append(_curve(box, _spread(tolerances, mean), SHADES[1], 3, title="mean"))
    return "".join(parts)


def _class_panel(
    counts: Counts, other: Counts | None, of: tuple[int, str], rows: list[int], widest: str, box: Box
) -> str:
    """Precision over recall of one class, given by its column and name."""
    column, label = of
    number = int(counts.labels[0, column])
    name = label if len(label) <= NAME_LENGTH else f"{label[: NAME_LENGTH - 1]}…"
    score = precisions(counts)[0][rows[-1], column]
    below = f"{number} {'label' if number == 1 else 'labels'}, {score:.3f} {widest}"
    parts = [
        _text(box.left, box.top - 18, name, title="" if name == label else label, size=13),
        _text(box.left, box.top - 5, below, size=11),
        _frame(box, [(0, "0"), (0.5, "recall"), (1, "1")]),
    ]
    if other is not None:
        parts.append(_curve(box, _precision_recall(other, column, rows[-1]), OTHER, 1.5, "5 3"))
    for row, shade in zip(rows, SHADES[-len(rows) :], strict=True):
        parts.append(_curve(box, _precision_recall(counts, column, row), shade, 1.8))
    return "".join(parts)


def _precision_recall(counts: Counts, column: int, row: int) -> Points:
    """(recall, precision) from the highest threshold that a spot reaches to the lowest."""
    true, spots = counts.true[0, row, column], counts.spots[0, column]
    some = spots > 0
    recall = share(true[some], counts.labels[0, column, None])
    precision = share(true[some], spots[some])
    return list(dict.fromkeys(zip(recall[::-1].tolist(), precision[::-1].tolist(), strict=True)))


def _spread(tolerances: Sequence[int], values: np.ndarray) -> Points:
    """Values over tolerances from 0 to the last one."""
    last = tolerances[-1]
    return [(seconds / last, value) for seconds, value in zip(tolerances, values.tolist(), strict=True)]


def _ticks(tolerances: Sequence[int]) -> list[tuple[float, str]]:
    return [(0, "0"), *((seconds / tolerances[-1], str(seconds)) for seconds in tolerances)]


def _panel(number: int, top: float) -> Box:
    row, column = divmod(number, COLUMNS)
    step = (WIDTH - 2 * MARGIN) / COLUMNS
    return Box(MARGIN + 30 + column * step, top + TITLE + row * (PANEL + TITLE + 40), step - 60, PANEL)


def _legend(tolerances: Sequence[int], other: bool, top: float) -> str:
    """What the colours of the panels below mean."""
    parts = [_text(MARGIN, top, "precision over recall at a tolerance of", size=14)]
    entries = [
        (f"{seconds} s", shade, "")
        for seconds, shade in zip(tolerances, SHADES[-len(tolerances) :], strict=True)
    ]
    entries += [(f"the other spots, {tolerances[-1]} s", OTHER, "5 3")] * other
    left = 310.0
    for text, shade, dash in entries:
        parts.append(_curve(Box(left, top - 5, 30, 1), [(0, 0), (1, 0)], shade, 3, dash))
        parts.append(_text(left + 36, top, text, size=13))
        left += 60 + 8 * len(text)
    return "".join(parts)


def _frame(box: Box, ticks: Iterable[tuple[float, str]]) -> str:
    """The border of a panel, lines at quarters, and what stands at its axes."""
    parts = []
    for level in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_curve(box, [(0, level), (1, level)], LINE, 1))
    for level in (0, 0.5, 1):
        y = box.top + (1 - level) * box.height + 4
        parts.append(_text(box.left - 6, y, f"{level:g}", size=11, anchor="end"))
    for across, text in ticks:
        x = box.left + across * box.width
        parts.append(_text(x, box.top + box.height + 16, text, size=11, anchor="middle"))
    return "".join(parts)


def _curve(box: Box, points: Points, colour: str, width: float, dash: str = "", title: str = "") -> str:
    """A line through points, or a dot where there is one."""
    places = [box.place(*point) for point in points]
    inner = f"<title>{_escaped(title)}</title>" if title else ""
    if len(places) == 1:
        x, y = places[0].split(",")
        return f'<circle cx="{x}" cy="{y}" r="{width + 1:g}" fill="{colour}">{inner}</circle>\n'
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    style = f'fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"{dashes}'
    return f'<polyline points="{" ".join(places)}" {style}>{inner}</polyline>\n'


def _text(x: float, y: float, text: str, size: int, anchor: str = "start", title: str = "") -> str:
    inner = f"<title>{_escaped(title)}</title>" if title else ""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f"<text {where}>{inner}{_escaped(text)}</text>\n"


def _document(parts: Iterable[str], height: float, about: str) -> str:
    label = quoteattr(f"precision and recall: {about}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label={label} font-family="sans-serif" fill="{INK}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{"".join(parts)}</svg>\n'
    )


def _escaped(text: str) -> str:
    """Text for XML; characters that it cannot hold are replaced."""
    return escape(UNUSABLE.sub("\ufffd", text))
