"""What we write, and how we score it, against SoccerNet's own evaluator."""

import json
import shutil
from pathlib import Path

import pytest

from comedian.evaluation.metrics import evaluate
from comedian.evaluation.pairing import collect, pair
from comedian.formats.convert import OUTPUTS, Ways, of_text, read_moments
from comedian.formats.labels import read_labels
from comedian.formats.labels_out import as_spots
from comedian.formats.lookup import Labels
from comedian.formats.soccernet import list_soccernet, read_soccernet, write_soccernet
from comedian.recipes.model import SOCCERNET_CLASSES

official = pytest.importorskip(
    "SoccerNet.Evaluation.ActionSpotting", reason="the official evaluator is not here"
)
MATCHES = Path(__file__).resolve().parents[1] / "data/matches"
BALL = {  # a made-up game in the layout of SoccerNet Ball
    "annotations": [
        {
            "gameTime": "1 - 00:07",
            "label": "PASS",
            "position": "7440",
            "team": "left",
            "visibility": "visible",
        },
        {
            "gameTime": "1 - 00:09",
            "label": "DRIVE",
            "position": "9000",
            "team": "right",
            "visibility": "visible",
        },
        {
            "gameTime": "1 - 00:12",
            "label": "PASS",
            "position": "12760",
            "team": "left",
            "visibility": "not shown",
        },
    ]
}
NAMES = {"SoccerNet": "{}_224p.mkv", "E2E-Spot": "{}", "words": "half{}.mkv"}


def scores(labels: Path, results: Path, classes, framerate):
    """(theirs, ours) of results in SoccerNet's layout."""
    numbers = {name: number for number, name in enumerate(classes)}
    theirs = official.evaluate(
        labels, results, None, framerate=framerate, metric="tight", label_files=None, dataset=None,
        EVENT_DICTIONARY=numbers,
    )  # fmt: skip
    videos = collect(read_soccernet(results), list_soccernet(results))
    games, _ = pair(videos, Labels(videos, labels))
    ours = evaluate(games, classes, ("tight",), framerate)["metrics"]["tight"]
    return (
        [
            theirs["a_mAP"],
            list(theirs["a_mAP_per_class"]),
            theirs["a_mAP_visible"],
            theirs["a_mAP_unshown"],
        ],
        [
            ours["a_mAP"],
            list(ours["a_mAP_per_class"].values()),
            ours["a_mAP_visible"],
            ours["a_mAP_unshown"],
        ],
    )


@pytest.mark.parametrize("target", ["r", "r.zip"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_matches_under_every_name(tmp_path, name, target):
    """One game comes without a spot."""
    spots, videos = [], []
    for file in sorted(MATCHES.rglob("Labels-v2.json")):
        game = file.parent.relative_to(MATCHES)
        (tmp_path / "labels" / game).mkdir(parents=True)
        shutil.copy(file, tmp_path / "labels" / game)
        videos.append(f"data/{game}/{name.format(1)}")
        for number, action in enumerate(read_labels(file) if len(videos) > 1 else []):
            one = action._asdict() | {"video": f"data/{game}/{name.format(action.half)}"}
            shift_ms = 700 * (number % 3) - 500
            one["position_ms"] = max(action.position_ms + shift_ms, 0)
            spots.append(one | {"confidence": number % 11 / 10, "team": "home"})
    spots.sort(key=lambda one: one["video"])
    write_soccernet(spots, tmp_path / target, videos)
    theirs, ours = scores(tmp_path / "labels", tmp_path / target, SOCCERNET_CLASSES, 2)
    assert ours == theirs
    assert 0.1 < ours[0] < 1


@pytest.mark.parametrize("form", ["csv", "osl", "jsonl"])
def test_labels_and_results_that_were_converted(tmp_path, form):
    """They go through another form and back, and score what they scored."""
    spots = []
    for file in sorted(MATCHES.rglob("Labels-v2.json")):
        goal = tmp_path / "labels" / file.parent.relative_to(MATCHES) / file.name
        goal.parent.mkdir(parents=True)
        moments = of_text(OUTPUTS[form].write(read_moments(file), Ways()), "x")
        goal.write_text(OUTPUTS["soccernet-labels"].write(moments, Ways()))
        assert read_labels(goal) == read_labels(file)
        spots += [one | {"confidence": number % 11 / 10} for number, one in enumerate(moments)]
    write_soccernet(as_spots(of_text(OUTPUTS[form].write(spots, Ways()), "x")), tmp_path / "r.zip")
    theirs, ours = scores(tmp_path / "labels", tmp_path / "r.zip", SOCCERNET_CLASSES, 2)
    assert ours == theirs
    assert ours[0] > 0.1


@pytest.mark.parametrize("confidence", [0.9, 0, 90, -2.2, float("inf"), float("nan")])
def test_ball_spotting_and_confidences_of_any_kind(tmp_path, confidence):
    game = tmp_path / "labels/cup_efl/2024-2025/2024-10-01 - A - B"
    game.mkdir(parents=True)
    (game / "Labels-ball.json").write_text(json.dumps(BALL))
    spots = [
        {
            "video": f"videos/{game.relative_to(tmp_path / 'labels')}/224p.mp4",
            "half": action.half,
            "position_ms": action.position_ms,
            "label": action.label,
            "confidence": confidence if number else 0.5,
        }
        for number, action in enumerate(read_labels(game / "Labels-ball.json"))
    ]
    write_soccernet(spots, tmp_path / "r")
    theirs, ours = scores(tmp_path / "labels", tmp_path / "r", ("PASS", "DRIVE"), 25)
    assert ours == theirs
