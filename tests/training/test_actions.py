"""Where the labelled actions of halves are found, and which half they belong to."""

import json
import re

import numpy as np
import pytest

from comedian.data.halves import Halves
from comedian.errors import InputError
from comedian.evaluation.pairing import collect, pair
from comedian.evaluation.remarks import OFF_MATCH_CLOCK
from comedian.formats.actions import Action
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.formats.lookup import Labels
from comedian.training.actions import read_actions
from tests.training.stages import open_halves, write_half

CLASSES = ("Goal", "Foul")
ENTRIES = [  # game time, label, position, visibility
    ("1 - 00:03", "Goal", 3250, "visible"),
    ("1 - 00:04", "Foul", 4000, "not shown"),
    ("2 - 00:03", "Foul", 3000, "visible"),
    ("2 - 00:09", "Corner", 9000, "visible"),
]
PICTURES = np.zeros((20, 16, 20, 3), np.uint8)  # ten seconds
FIRST_HALF = [Action(1, 3250, "Goal"), Action(1, 4000, "Foul", "not shown")]
SECOND_HALF = [Action(2, 3000, "Foul"), Action(2, 9000, "Corner")]


def write_labels(path, entries=ENTRIES):
    names = ("gameTime", "label", "position", "visibility")
    annotations = [dict(zip(names, map(str, entry), strict=True)) for entry in entries]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"annotations": annotations}))
    return path


@pytest.fixture
def game(tmp_path):
    """Two halves of one game; the frames files say that their videos lie beside them."""
    for half in (1, 2):
        write_half(tmp_path / "frames" / "a" / f"{half}_224p.h5", PICTURES, half)
    return open_halves(tmp_path)


def test_labels_beside_the_videos(game, tmp_path):
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json")
    said = []
    assert read_actions(game, None, CLASSES, said.append) == [FIRST_HALF, SECOND_HALF]
    assert said == ["labels outside the recipe's classes are left out: 'Corner'"]


@pytest.mark.parametrize("name", ["a/Labels-v2.json", "a.json"])
def test_labels_of_a_folder_by_game(game, tmp_path, name):
    labels = tmp_path / "labels"
    write_labels(labels / name)
    said = []
    found = read_actions(game, labels, (*CLASSES, "Corner"), said.append)
    assert found == [FIRST_HALF, SECOND_HALF]
    assert said == []


def test_a_half_without_labels_is_told(game, tmp_path):
    with pytest.raises(InputError, match=r"1_224p.mkv: has no labels beside it; .*--labels"):
        read_actions(game, None, CLASSES)
    (tmp_path / "labels").mkdir()
    with pytest.raises(InputError, match=r"holds no labels; expected GAME/Labels-v2.json or <video>.json"):
        read_actions(game, tmp_path / "labels", CLASSES)
    write_labels(tmp_path / "labels" / "b" / "Labels-v2.json")
    with pytest.raises(
        InputError, match=r"no labels for .*a/1_224p.mkv, .*a/2_224p.mkv; expected GAME/Labels-v2.json"
    ):
        read_actions(game, tmp_path / "labels", CLASSES)


def test_a_labels_file_of_several_videos_gives_each_half_its_own(tmp_path):
    """Two clips, each its own half 1; one file of labels for both."""
    for name in ("a", "b"):
        write_half(tmp_path / f"{name}.h5", PICTURES, 1)
    records = [
        {"video": f"{name}.mkv", "half": 1, "position_ms": 1000, "label": label}
        for name, label in (("a", "Goal"), ("b", "Foul"))
    ]
    (tmp_path / "labels.json").write_text(json.dumps(records))
    halves = Halves.open(find_games([tmp_path], FRAMES_SUFFIXES))
    found = read_actions(halves, tmp_path / "labels.json", CLASSES)
    assert found == [[Action(1, 1000, "Goal")], [Action(1, 1000, "Foul")]]


def test_training_and_scoring_find_the_same_labels(game, tmp_path):
    """Whatever the place and the form, for the same videos."""
    places = ["labels/a/Labels-v2.json", "other/a.json", "one.json"]
    for place in places:
        path = write_labels(tmp_path / place)
        given = path if path.parent == tmp_path else tmp_path / place.split("/")[0]
        spots = [
            {"video": file.video, "half": file.half, "position_ms": 0, "label": "Goal", "confidence": 1}
            for file in game.files
        ]
        videos = collect(spots)
        ((result,), _) = pair(videos, Labels(videos, given))
        trained = read_actions(game, given, (*CLASSES, "Corner"))
        assert [action for actions in trained for action in actions] == list(result.actions)


def test_no_action_of_the_recipes_classes_is_told(game, tmp_path):
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json", ENTRIES[3:])
    with pytest.raises(
        InputError, match=r"no label is one of the recipe's classes: 'Corner'; name them: --set"
    ):
        read_actions(game, None, CLASSES)


def test_a_half_may_have_no_action(game, tmp_path):
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json", ENTRIES[:2])
    assert read_actions(game, None, CLASSES) == [FIRST_HALF, []]


@pytest.mark.parametrize("name", ["half{}", "half{}_224p", "{}", "half {}"])
def test_halves_are_told_by_the_names_of_their_videos(tmp_path, name):
    """Also where the frames were extracted when every one of these was half 1."""
    for half in (1, 2):
        path = tmp_path / "frames" / "a" / f"{name.format(half)}.h5"
        write_half(path, PICTURES, half=1)
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json")
    assert read_actions(open_halves(tmp_path), None, (*CLASSES, "Corner")) == [FIRST_HALF, SECOND_HALF]


def test_a_video_of_neither_half_is_refused_beside_labels_of_two(tmp_path):
    write_half(tmp_path / "frames" / "a" / "match.h5", PICTURES, 1)
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json")
    with pytest.raises(InputError, match=r"match.mkv: its labels are of two halves"):
        read_actions(open_halves(tmp_path), None, CLASSES)


def test_two_videos_of_one_half_are_refused(tmp_path):
    for name in ("x", "y"):
        write_half(tmp_path / "frames" / "a" / f"{name}.h5", PICTURES, 1)
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json", ENTRIES[:2])
    with pytest.raises(InputError, match=r"y.mkv: and .*x.mkv both hold half 1 of one game"):
        read_actions(open_halves(tmp_path), None, CLASSES)


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        (
            [("3 - 00:01", "Goal", 1000, "visible")],
            "labels of periods other than halves 1 and 2 are left out: 1",
        ),
        (
            [("0 - 00:01", "Goal", 1000, "visible")],
            "labels of periods other than halves 1 and 2 are left out: 1",
        ),
        (
            [("2 - 45:03", "Goal", 2703000, "visible")],
            "outside the time of their video are left out: 1 .*2_224p.mkv ends at 10 s, a label is at 2703",
        ),
        ([("1 - 00:00", "Goal", -3000, "visible")], "outside the time of their video are left out: 1"),
        ([("1 - 00:00", "goal ", 1, "visible")], "are left out: 'goal ' .is 'Goal' meant"),
        ([], "no label in .*2_224p.mkv: it is all taken for background"),
    ],
)
def test_what_is_left_out_or_cannot_be_right_is_said(game, tmp_path, entries, what):
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json", ENTRIES[: 3 if entries else 2] + entries)
    said = []
    read_actions(game, None, CLASSES, said.append)
    assert len(said) == 1
    assert re.search(what, said[0])


def test_the_match_clock_is_told_from_another_cut(game, tmp_path):
    labels, said = tmp_path / "frames" / "a" / "Labels-v2.json", []
    late = [("2 - 45:03", "Goal", 2_703_000, "visible"), ("2 - 45:04", "Goal", 2_704_000, "visible")]
    write_labels(labels, ENTRIES[:2] + late)
    read_actions(game, None, CLASSES, said.append)
    assert said[0].endswith(f"; on the match clock, {OFF_MATCH_CLOCK}")
    write_labels(labels, ENTRIES[:3] + late)
    read_actions(game, None, CLASSES, said.append)
    assert said[-1].endswith("; are they of another cut?")


def test_labels_on_the_match_clock_alone_are_refused(game, tmp_path):
    late = [(time, label, position + 2_700_000, seen) for time, label, position, seen in ENTRIES]
    write_labels(tmp_path / "frames" / "a" / "Labels-v2.json", late)
    said = []
    with pytest.raises(
        InputError, match="no labelled action of the recipe's classes lies within its video"
    ):
        read_actions(game, None, (*CLASSES, "Corner"), said.append)
    assert "left out: 4 " in said[0]
