"""How videos and labels find each other; tests/evaluation/test_pairing.py has more of it."""

import json
import time
import unicodedata

import pytest

from comedian.errors import InputError
from comedian.formats import lookup
from comedian.formats.actions import IN_FILE, Action
from comedian.formats.lookup import Labels, labels_beside


def test_labels_beside_a_video(tree):
    root = tree(
        "G/1_224p.mkv", "G/Labels-v2.json", "c/a.mkv", "c/a.json", "c/b.mkv", "c/b.mkv.json", "d/e.mkv"
    )
    assert labels_beside(root / "G/1_224p.mkv") == root / "G/Labels-v2.json"
    assert labels_beside(root / "c/a.mkv") == root / "c/a.json"
    assert labels_beside(root / "c/b.mkv") == root / "c/b.mkv.json"
    assert labels_beside(root / "d/e.mkv") is None


def put(path, *times_ms, **more):
    """A labels file with a goal at each time; `videos` makes it one for several videos."""
    path.parent.mkdir(parents=True, exist_ok=True)
    goal = {"half": 1, "label": "Goal"} | more
    path.write_text(json.dumps([goal | {"position_ms": time} for time in times_ms]))
    return path


def goals(labels, *names):
    return labels.of(labels.game_of(*names))


def test_a_folder_may_hold_official_files_and_others(tmp_path):
    put(tmp_path / "l/s/a/Labels-v2.json", 1)
    put(tmp_path / "l/s/b.json", 2)
    put(tmp_path / "config.json", 3)
    labels = Labels(["x/l/s/a/1_224p.mkv", "x/l/s/b.mkv"], tmp_path)
    assert goals(labels, "x/l/s/a/1_224p.mkv") == [Action(1, 1, "Goal")]
    assert goals(labels, "x/l/s/b.mkv") == [Action(1, 2, "Goal")]
    assert labels.games == [("l", "s", "a"), ("l", "s", "b")]


def test_a_video_may_go_by_several_names(tmp_path):
    put(tmp_path / "l/s/a/Labels-v2.json", 1)
    labels = Labels(["renamed.mkv"], tmp_path)
    assert labels.game_of("renamed.mkv") is None
    assert goals(labels, "renamed.mkv", "l/s/a/renamed.mkv") == [Action(1, 1, "Goal")]
    assert "no labels for renamed.mkv; expected GAME/Labels-v2.json" in str(labels.missing(["renamed.mkv"]))


def test_a_file_for_several_videos_gives_each_its_own(tmp_path):
    records = [
        {"video": video, "half": 1, "position_ms": time, "label": "Goal"}
        for time, video in enumerate(("a.mkv", "b.mkv"))
    ]
    (tmp_path / "all.json").write_text(json.dumps(records))
    labels = Labels(["x/a.mkv", "x/b.mkv"], tmp_path / "all.json")
    assert goals(labels, "x/a.mkv") == [Action(1, 0, "Goal")]
    assert goals(labels, "x/b.mkv") == [Action(1, 1, "Goal")]


def test_nothing_beside_is_told(tmp_path):
    with pytest.raises(InputError, match=r"e.mkv: has no labels beside it; put Labels-v2.json or <video>"):
        Labels([str(tmp_path / "e.mkv")])


def test_a_file_for_several_videos_beside_them_gives_each_its_own(tmp_path):
    """Beside the video, in a folder and named alone: never all entries of the file."""
    videos = [{"video": name, "fps": 10, "events": [event(time)]} for time, name in enumerate("ab", 1)]
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(videos))
    for given in (None, tmp_path, tmp_path / "a.json"):
        labels = Labels([str(tmp_path / "a.mkv"), str(tmp_path / "b.mkv")], given)
        assert goals(labels, str(tmp_path / "a.mkv")) == [Action(IN_FILE, 100, "Goal")]
        assert goals(labels, str(tmp_path / "b.mkv")) == [Action(IN_FILE, 200, "Goal")]
    (tmp_path / "c.json").write_text(json.dumps(videos))
    labels = Labels([str(tmp_path / "c.mkv")])
    with pytest.raises(InputError, match=r"c.json: names a, b, not .*/c; name videos"):
        goals(labels, str(tmp_path / "c.mkv"))


def event(frame):
    return {"frame": frame, "label": "Goal"}


@pytest.mark.parametrize("name", ["{}", "{}_224p", "{}_720p.mkv", "half{}", "Half_{}.mp4"])
def test_halves_of_a_file_are_told_by_their_names(tmp_path, name):
    """E2E-Spot's files count frames in each half's video."""
    content = [
        {"video": f"l/s/A_-_B/{name.format(half)}", "fps": 10, "events": [event(half)]} for half in (1, 2)
    ]
    content[1]["events"][0]["comment"] = "home; not shown"
    (tmp_path / "val.json").write_text(json.dumps(content))
    labels = Labels(["x/l/s/A - B/1_224p.mkv", "x/l/s/A - B/2_224p.mkv"], tmp_path / "val.json")
    assert labels.games == [("l", "s", "A_-_B")]
    for half in (1, 2):
        assert goals(labels, f"x/l/s/A - B/{half}_224p.mkv") == [
            Action(1, 100, "Goal"),
            Action(2, 200, "Goal", "not shown"),
        ]


def test_names_that_are_canonically_equal_are_one(tmp_path):
    put(tmp_path / unicodedata.normalize("NFD", "Málaga") / "Labels-v2.json", 1)
    video = unicodedata.normalize("NFC", "x/Málaga/1_224p.mkv")
    assert goals(Labels([video], tmp_path), video) == [Action(1, 1, "Goal")]


@pytest.mark.parametrize(
    ("videos", "what"),
    [
        (["a.mkv", "a.mp4"], "a.mkv and a.mp4 are the same half"),
        (["G/1_224p.mkv", "G/1_720p.mkv"], "G/1_224p.mkv and G/1_720p.mkv are the same half"),
        (["a.mkv", ""], "names a video for some actions only"),
        (["G/2_224p.mkv"], "entry 1: 'half' is 1, but not by the name of its 'video'"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, videos, what):
    records = [{"video": video, "half": 1, "position_ms": 1, "label": "Goal"} for video in videos]
    (tmp_path / "all.json").write_text(json.dumps(records))
    with pytest.raises(InputError, match=what):
        Labels(["G/1_224p.mkv"], tmp_path / "all.json")


@pytest.mark.parametrize("where", ["beside", "in a folder"])
def test_ball_spotting_has_one_file_a_game(tmp_path, where):
    """As SoccerNet lays it out: `league/season/GAME/224p.mp4` and `Labels-ball.json`."""
    put(tmp_path / "l/s/G/Labels-ball.json", 7)
    video = str(tmp_path / "l/s/G/224p.mp4")
    labels = Labels([video], None if where == "beside" else tmp_path)
    assert goals(labels, video) == [Action(1, 7, "Goal")]
    assert labels.files() == [tmp_path / "l/s/G/Labels-ball.json"]
    put(tmp_path / "l/s/G/Labels-v2.json", 8)
    with pytest.raises(InputError, match=r"G: holds Labels-v2.json and Labels-ball.json; .*--labels FILE"):
        Labels([video], None if where == "beside" else tmp_path)


@pytest.mark.parametrize("name", ["2_224p.mkv.json", "half2.json", "2.json"])
def test_labels_of_another_half_than_their_file_is_called_by_are_refused(tmp_path, name):
    video = str(tmp_path / name.removesuffix(".json").removesuffix(".mkv")) + ".mkv"
    put(tmp_path / name, 1, half=2)
    assert goals(Labels([video]), video) == [Action(2, 1, "Goal")]
    put(tmp_path / name, 1, half=1)
    with pytest.raises(
        InputError, match=f"{name}: is of half 2 by its name, and holds labels of half 1; write"
    ):
        goals(Labels([video]), video)


@pytest.mark.parametrize("names", [("1", "2", "3"), ("1_224p.mkv", "2_224p.mkv"), ("half1", "half2")])
def test_names_without_a_folder_stand_for_themselves(tmp_path, names):
    """Wherever the program runs; also clips that are only numbered."""
    content = [{"video": name, "fps": 10, "events": [event(frame)]} for frame, name in enumerate(names, 1)]
    (tmp_path / "all.json").write_text(json.dumps(content))
    videos = [f"x/clips/{name}" for name in names]
    labels = Labels(videos, tmp_path / "all.json")
    assert [action.position_ms for video in videos for action in goals(labels, video)] == [
        100 * frame for frame, _ in enumerate(names, 1)
    ]


def test_many_games_are_found_in_time(tmp_path):
    """Not by comparing each video with each game."""
    games = {(f"{number % 7}", f"game {number}"): [] for number in range(20_000)}
    index = lookup._Index(games)
    began = time.perf_counter()
    assert all(index.find([("data", *game, "1"), ("data", *game)]) == game for game in games)
    assert time.perf_counter() - began < 2
