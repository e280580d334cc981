"""The table of a score."""

from comedian.evaluation.cells import GameResult
from comedian.evaluation.chance import chance
from comedian.evaluation.metrics import evaluate
from comedian.evaluation.table import score_table
from comedian.formats.actions import Action
from tests.evaluation.some_spots import CLASSES, spot


def test_the_table_shows_the_numbers():
    games = [GameResult("g", [Action(1, 0, "Goal"), Action(1, 0, "Foul", "not shown")], [spot(0, 1.0)])]
    result = evaluate(games, CLASSES, ("tight", "at5"))
    plain = score_table(result)
    goal = next(line for line in plain.splitlines() if line.startswith("Goal"))
    assert goal.split() == ["Goal", "1", "0", "1.0000", "1.0000"]
    assert "chance" not in plain
    result["chance"] = chance(games, CLASSES, ("tight", "at5"), 2)
    lines = score_table(result).splitlines()
    assert lines[0].split() == ["class", "labels", "unshown", "tight", "chance", "at5", "chance"]
    assert len({len(line) for line in lines[:5]}) == 1
