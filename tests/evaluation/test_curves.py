import pytest

from comedian.evaluation.cells import GameResult
from comedian.evaluation.curves import MOST_POINTS, Choice, precision_recall, thresholds_for
from comedian.formats.actions import Action


def spot(seconds, confidence, label="Goal", half=1):
    return {"half": half, "position_ms": 1000 * seconds, "label": label, "confidence": confidence}


def curve(labels, spots, classes=("Goal",)):
    actions = [Action(1, 1000 * seconds, "Goal") for seconds in labels]
    return precision_recall([GameResult("a", actions, [spot(*one) for one in spots])], classes)


def test_by_hand():
    """Right: 0.9 (2 s off), 0.6; wrong: 0.8 (10 s off), 0.7 (its label is taken), 0.5."""
    found = curve([100, 200, 300], [(102, 0.9), (101, 0.7), (210, 0.8), (301, 0.6), (400, 0.5)])
    assert found == {"Goal": [(0.9, 1.0, 0.3333), (0.6, 0.5, 0.6667)]}
    assert thresholds_for(found, 0.8) == {"Goal": Choice(0.9, 1.0, 0.3333)}
    assert thresholds_for(found, 0.5) == {"Goal": Choice(0.6, 0.5, 0.6667)}
    assert thresholds_for({"Goal": [(0.9, 0.4, 1.0)]}, 0.5) == {"Goal": None}


def test_equal_confidences_stand_or_fall_together():
    assert curve([100, 200], [(100, 0.5), (150, 0.5), (200, 0.5)]) == {"Goal": [(0.5, 0.6667, 1.0)]}


def test_classes_without_labels_or_spots():
    assert curve([100], [(100, 0.9, "Foul")], ("Goal", "Foul")) == {"Goal": []}
    assert thresholds_for({"Goal": []}, 0.1) == {"Goal": None}


def test_tolerance_is_half_of_five_seconds():
    assert curve([100], [(102.5, 0.9)]) == {"Goal": [(0.9, 1.0, 1.0)]}
    assert curve([100], [(103, 0.9)]) == {"Goal": []}


def test_long_curves_are_thinned_between_their_ends():
    labels = [10 * number for number in range(200)]
    points = curve(labels, [(seconds, 1 - seconds / 4000) for seconds in labels])["Goal"]
    assert len(points) == MOST_POINTS
    assert points[0][2] == pytest.approx(0.005)
    assert points[-1][1:] == (1.0, 1.0)
