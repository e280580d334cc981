"""Where entries fall: the official frames, and what is said of those beyond them."""

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.evaluation.cells import Cells, Scored
from comedian.evaluation.chance import _draw
from comedian.evaluation.remarks import is_on_match_clock, remark_cells, remark_classes
from comedian.formats.actions import Action
from comedian.formats.spot import Outside
from comedian.recipes.model import SOCCERNET_CLASSES


@pytest.mark.parametrize(
    ("position_ms", "place", "outside"),
    [
        (0, 0, {}),
        (1499, 2, {}),
        (-400, 0, {"before": 1}),  # rounds to the first frame
        (-1000, -2, {"early": 1}),  # wraps from the end, as the official code does
        (10**9, -1, {"late": 1}),
        (7_199_999, -1, {}),  # just within two hours
        (7_200_000, -1, {"late": 1}),
    ],
)
def test_frames_of_positions(position_ms, place, outside):
    cells = Cells(("Goal",), framerate=2)
    assert cells.frame(position_ms) == (place if place >= 0 else cells.num_frames + place)
    assert {key: number for key, number in cells.outside.items() if number} == outside


def test_a_position_before_everything_is_refused():
    cells = Cells(("Goal",), framerate=2)
    with pytest.raises(InputError, match="is two hours before its half"):
        cells.frame(-1000 * cells.num_frames)


def test_random_spots_stay_within_the_frames_there_are():
    cells = Cells(("Goal",), framerate=2)
    for _ in range(50):
        cells.put(0, 1, "Goal", 10 * len(cells.values), 1.0)
    lengths = np.array([1e9, 1.0])  # far longer than what the official grid holds
    keys = _draw(cells.arrays(), lengths, cells, np.random.default_rng(0)).keys
    assert (keys % cells.stride <= cells.num_frames - 1).all()
    assert (keys % cells.stride == cells.num_frames - 1).any()


@pytest.mark.parametrize(
    ("unshown", "classes", "said"), [(13, 17, 0), (12, 17, 1), (14, 17, 1), (13, 18, 1), (0, 17, 0)]
)
def test_the_factor_of_unshown_actions_is_told_where_it_is_not_made_for(unshown, classes, said):
    names = (*SOCCERNET_CLASSES, "Dribble")[:classes]
    counts = np.ones(classes, np.int64)
    kinds = {"all": counts, "visible": counts, "unshown": np.arange(classes) < unshown}
    remarks = remark_classes(Scored({}, kinds, counts), names, num_tolerances=5)
    assert sum("17/13" in line for line in remarks) == said


def test_late_actions_and_late_spots_are_counted_together():
    targets, predictions = Cells(("Goal",), 2), Cells(("Goal",), 2)
    targets.put(0, 1, "Goal", 8_000_000, 1.0)
    predictions.put(0, 1, "Goal", 9_000_000, 0.5)
    assert "2 positions past 120 minutes: all fall into the last frame" in remark_cells(
        targets, predictions, Outside()
    )


@pytest.mark.parametrize(
    ("minutes", "wrong"), [((50, 60), True), ((20, 60), False), ((20, 30), False), ((50,), False)]
)
def test_a_second_half_on_the_match_clock(minutes, wrong):
    actions = [Action(2, 60_000 * minute, "Goal") for minute in minutes]
    assert is_on_match_clock(actions) == wrong
