"""Spots and labels find each other."""

import json
from pathlib import Path

import pytest

from comedian.errors import InputError
from comedian.evaluation import pairing
from comedian.evaluation.pairing import collect
from comedian.formats.lookup import Labels

GAMES = ["england_epl/2014-2015/2015 - A 1 - 0 B", "england_epl/2015-2016/2016 - C 2 - 2 D"]


def pair(videos, labels=None, games=None):
    return pairing.pair(videos, Labels(videos, labels, games), games is not None)


def label(folder: Path, halves=(1, 2)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    annotations = [{"gameTime": f"{half} - 00:01", "position": "1000", "label": "Goal"} for half in halves]
    (folder / "Labels-v2.json").write_text(json.dumps({"annotations": annotations}))


def spots(*videos, half=None):
    return collect(
        {
            "video": str(video),
            "half": half or int(Path(video).name[0]) if Path(video).name[0] in "12" else 1,
            "position_ms": 1000,
            "label": "Goal",
            "confidence": 0.5,
            "team": "home",
        }
        for video in videos
    )


@pytest.fixture
def labels(tmp_path) -> Path:
    for game in GAMES:
        label(tmp_path / "labels" / game)
    return tmp_path / "labels"


def test_halves_of_a_game_are_one_game_beside_their_labels(labels):
    videos = [labels / game / f"{half}_224p.mkv" for game in GAMES for half in (1, 2)]
    found, remarks = pair(spots(*videos))
    assert [result.name[-len(game) :] for result, game in zip(found, GAMES, strict=True)] == GAMES
    assert [(len(result.actions), len(result.spots)) for result in found] == [(2, 2), (2, 2)]
    assert remarks == []


def test_a_video_with_its_own_labels_is_a_game(tmp_path):
    for name in ("x", "1_y"):
        (tmp_path / f"{name}.mkv.json").write_text('{"half": 1, "position_ms": 5, "label": "Goal"}')
    label(tmp_path)
    found, _ = pair(spots(tmp_path / "x.mkv", tmp_path / "1_y.mkv"))
    assert [Path(result.name).name for result in found] == ["x", "1_y"]
    assert [len(result.actions) for result in found] == [1, 1]


def test_no_labels_beside(tmp_path):
    with pytest.raises(InputError, match=r"has no labels beside it.*--labels"):
        pair(spots(tmp_path / "x.mkv"))


@pytest.mark.parametrize("root", ["", "/somewhere/else/", "results/", "epl/"])
def test_a_folder_of_labels(labels, root):
    found, remarks = pair(spots(f"{root}{GAMES[1]}/1_720p.mkv"), labels)
    assert [result.name for result in found] == [GAMES[1]]
    assert "1 game of" in remarks[0]
    assert "--games" in remarks[0]


def test_fewer_folders_than_three(labels):
    found, _ = pair(spots("2015 - A 1 - 0 B/1_224p.mkv"), labels)
    assert found[0].name == GAMES[0]
    found, _ = pair(spots(f"/data/{GAMES[0]}/1_224p.mkv"), labels / "england_epl" / "2014-2015")
    assert found[0].name == "2015 - A 1 - 0 B"
    found, _ = pair(spots(f"/data/{GAMES[0]}/1_224p.mkv"), labels / GAMES[0])
    assert len(found[0].actions) == 2


def test_a_game_of_another_season_is_another_game(labels):
    with pytest.raises(InputError, match="no labels for"):
        pair(spots("england_epl/2016-2017/2015 - A 1 - 0 B/1_224p.mkv"), labels)


def test_a_name_that_fits_two_games_is_an_error(tmp_path):
    for season in ("s1", "s2"):
        label(tmp_path / season / "game")
    with pytest.raises(InputError, match="s1/game, s2/game"):
        pair(spots("game/1_224p.mkv"), tmp_path)


def test_a_folder_of_own_labels(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "x.json").write_text("[]")
    (tmp_path / "labels" / "y.mkv.json").write_text("[]")
    found, _ = pair(spots("clips/x.mkv", "clips/y.mkv"), tmp_path / "labels")
    assert [result.name for result in found] == ["x", "y"]


def test_one_labels_file_is_for_one_game(labels):
    file = labels / GAMES[0] / "Labels-v2.json"
    found, _ = pair(spots("new/1_a.mkv", "new/2_a.mkv"), file)
    assert [(result.name, len(result.actions), len(result.spots)) for result in found] == [("new", 2, 2)]
    with pytest.raises(InputError, match="labels of one game"):
        pair(spots("x.mkv", "y.mkv"), file)


def test_a_labels_file_for_many_videos(tmp_path):
    events = [{"frame": 25, "label": "serve"}]
    content = [{"video": name, "fps": 25, "events": events} for name in ("final_1.5", "semi")]
    (tmp_path / "val.json").write_text(json.dumps(content))
    found, remarks = pair(spots("tennis/final_1.5.mp4"), tmp_path / "val.json")
    assert [(result.name, len(result.actions)) for result in found] == [("final_1.5", 1)]
    assert len(remarks) == 1
    with pytest.raises(
        InputError, match=r"no labels for x.mkv; it is for final_1.5, semi; name videos in it"
    ):
        pair(spots("x.mkv"), tmp_path / "val.json")


def test_a_list_counts_games_without_spots_and_leaves_others_out(labels, tmp_path):
    games = tmp_path / "labels" / "list.txt"
    games.write_text(f"{GAMES[1]}\n")
    for where in (labels, None):  # beside the list the labels are found too
        found, remarks = pair(spots(f"x/{GAMES[0]}/1_224p.mkv"), where, games)
        assert [(result.name, len(result.spots)) for result in found] == [(GAMES[1], 0)]
        assert GAMES[0] in remarks[0]


def test_a_listed_game_without_labels_is_an_error(labels, tmp_path):
    games = tmp_path / "list.txt"
    games.write_text("nowhere/game\n")
    for where in (labels, None):
        with pytest.raises(InputError, match="nowhere/game") as error:
            pair(spots(f"{GAMES[0]}/1_224p.mkv"), where, games)
        assert error.value.file == games


def test_two_videos_of_one_half_are_an_error(labels):
    with pytest.raises(InputError, match=r"1_224p.mkv and .*1_720p.mkv both hold half 1"):
        pair(spots(f"{GAMES[0]}/1_224p.mkv", f"{GAMES[0]}/1_720p.mkv"), labels)


def test_games_of_results_without_a_prediction_are_there(labels):
    found, remarks = pair(collect([], [f"results/{game}" for game in GAMES]), labels)
    assert [(result.name, len(result.spots)) for result in found] == [(game, 0) for game in GAMES]
    assert remarks == []


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="holds no labels"):
        pair(spots("x.mkv"), tmp_path)


@pytest.mark.parametrize("where", ["beside", "folder", "file"])
def test_a_video_that_names_no_half_is_refused_beside_labels_of_two(labels, where):
    folder = labels / GAMES[0]
    given = {"beside": None, "folder": labels, "file": folder / "Labels-v2.json"}[where]
    with pytest.raises(InputError, match=r"match.mkv: its labels are of two halves.*name halves 1_….mkv"):
        pair(spots(folder / "match.mkv"), given)
    both = spots(folder / "match.mkv", half=1)
    both[str(folder / "match.mkv")] += spots("2_x.mkv")["2_x.mkv"]
    ((game,), _) = pair(both, given)  # its spots say
    assert [spot["half"] for spot in game.spots] == [1, 2]
    label(folder, halves=[1])
    ((game,), _) = pair(spots(folder / "match.mkv"), given)
    assert len(game.actions) == 1


@pytest.mark.parametrize("name", ["half{}.mkv", "half{}_224p.mkv", "{}.mkv", "Second half.mkv"])
def test_the_half_of_spots_is_the_one_that_the_name_says(labels, name):
    """Whatever a program that did not know the name wrote into the spots."""
    videos = list(dict.fromkeys(labels / GAMES[0] / name.format(half) for half in (1, 2)))
    ((game,), remarks) = pair(spots(*videos, half=1))
    assert [spot["half"] for spot in game.spots] == [1, 2][-len(videos) :]
    assert remarks == [f"spots say another half than the name of their video, which counts: {videos[-1]}"]


def test_two_videos_without_a_half_do_not_share_labels(labels):
    folder = labels / GAMES[0]
    label(folder, halves=[1])
    with pytest.raises(InputError, match=r"a.mkv and .*b.mkv both hold half 1"):
        pair(spots(folder / "a.mkv", folder / "b.mkv"))
