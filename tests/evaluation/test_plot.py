"""The picture of a score."""

from xml.etree import ElementTree

import pytest

from comedian.errors import InputError
from comedian.evaluation.cells import GameResult
from comedian.evaluation.metrics import evaluate
from comedian.evaluation.plot import GREY, HEIGHT_OF_TOP, OTHER, SHADES, check_picture, plot
from comedian.formats.actions import Action
from tests.evaluation.some_spots import CLASSES, spot
from tests.evaluation.test_study import some_games

SVG = "{http://www.w3.org/2000/svg}"


def drawn(games, classes=CLASSES, metrics=("tight",), other=None):
    return ElementTree.fromstring(plot(games, classes, metrics, 2, other))


def lines(root, colour: str, width: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in root.iter(f"{SVG}polyline")
        if (line.get("stroke"), line.get("stroke-width")) == (colour, width)
    ]


def texts(root) -> list[str]:
    return ["".join(item.itertext()) for item in root.iter(f"{SVG}text")]


def test_the_mean_over_tolerances_is_the_official_one():
    games = some_games(3)
    (mean,) = [line for line in lines(drawn(games), SHADES[1], "3") if len(line) == 5]
    expected = evaluate(games, CLASSES)["metrics"]["tight"]["per_delta"]["mAP_all"]
    bottom = max(y for line in lines(drawn(games), "#d8d8d8", "1")[:5] for _, y in line)
    assert [(bottom - y) / HEIGHT_OF_TOP for _, y in mean] == pytest.approx(expected, abs=0.001)
    assert len(lines(drawn(games), GREY, "1")) == len(CLASSES)


def test_each_class_with_labels_has_its_curves():
    games = [
        GameResult(
            "g", [Action(1, 0, "Goal"), Action(1, 60_000, "Foul")], [spot(0, 0.9), spot(90_000, 0.5)]
        )
    ]
    root = drawn(games)
    said = texts(root)
    assert [text for text in said if text in CLASSES] == ["Goal", "Foul"]
    assert "without labels: Corner" in said
    assert "1 label, 1.000 at 5 s" in said
    assert "1 label, 0.000 at 5 s" in said
    goals = [line for shade in SHADES for line in lines(root, shade, "1.8")]
    (left, top), (right, middle) = goals[0]
    assert left == right, "recall is 1 from the surest spot on"
    assert middle > top, "and precision falls to one half"


def test_other_spots_are_dashed():
    games = some_games(2)
    assert not lines(drawn(games), OTHER, "1.5")
    root = drawn(games, other=some_games(2, skill=0.2))
    assert len(lines(root, OTHER, "1.5")) == len(CLASSES)
    assert all(
        line.get("stroke-dasharray") for line in root.iter(f"{SVG}polyline") if line.get("stroke") == OTHER
    )


@pytest.mark.parametrize("games", [[], [GameResult("g", [], [])]])
def test_without_labels_there_are_no_curves(games):
    root = drawn(games)
    assert f"without labels: {', '.join(CLASSES)}" in texts(root)
    assert not lines(root, SHADES[1], "1.8")


def test_a_single_tolerance_is_a_dot():
    root = drawn(some_games(1), metrics=("at2",))
    assert len(list(root.iter(f"{SVG}circle"))) >= len(CLASSES) + 1


def test_any_name_of_a_class_is_text():
    names = ("<b>&\"'", "x" * 80, "a\x00\x1b\ud800b\uffff", "進球")
    games = [
        GameResult("g", [Action(1, 0, name) for name in names], [spot(0, 0.9, name) for name in names])
    ]
    said = texts(drawn(games, names))
    assert "<b>&\"'" in said
    assert "x" * 80 + "x" * 23 + "…" in said, "whole as its title, and cut"
    assert any("a\ufffd\ufffd\ufffdb\ufffd" in text for text in said)
    assert any("進球" in text for text in said)


def test_the_picture_is_no_larger_than_it_needs_to_be():
    root = drawn(some_games(2), tuple(f"class {number}" for number in range(17)))
    assert float(root.get("height")) < 600
    assert len(plot(some_games(2), CLASSES, ("loose", "tight"), 2).encode()) < 100_000


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("a.png", "a.svg"), ("x/a.b.pdf", "a.b.svg"), ("-", "plot.svg"), ("curves", "curves.svg")],
)
def test_only_svg_is_drawn(name, remedy):
    with pytest.raises(InputError, match=f"; name it {remedy}$"):
        check_picture(name)
    check_picture("a.SVG")
