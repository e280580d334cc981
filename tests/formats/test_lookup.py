"""How videos and labels find each other; tests/evaluation/test_pairing.py has more of it."""

import json

import pytest

from comedian.errors import InputError
from comedian.formats.actions import Action
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
