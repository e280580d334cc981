"""The table of a score."""

from comedian.evaluation.cells import GameResult
from comedian.evaluation.chance import chance
from comedian.evaluation.metrics import evaluate
from comedian.evaluation.study import Asked, study
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
    assert lines[2].startswith("mean of classes with labels"), "what classes without labels don't lower"
    assert len(lines[2].split()) == 9
    assert len({len(lines[number]) for number in (0, 2, 3, 6, 7, 8, 9)}) == 1


def test_intervals_and_games_stand_in_the_table():
    actions = [Action(1, 0, "Goal"), Action(1, 60_000, "Foul")]
    games = [GameResult(name, actions, [spot(0, 1.0)]) for name in ("a", "b")]
    lines = score_table(study(games, CLASSES, ("tight",), 2, Asked(None, 100, True))).splitlines()
    assert lines[0].split() == ["class", "labels", "unshown", "tight", "95", "%"]
    assert lines[2].split()[-2:] == ["0.5000", "0.500…0.500"]
    assert next(line for line in lines if line.startswith("Corner")).split() == [
        "Corner",
        "0",
        "0",
        "0.0000",
    ]
    assert [line.split() for line in lines[-2:]] == [[name, "2", "1", "0.5000"] for name in ("a", "b")]
