"""SoccerNet's results."""

import json
import zipfile

import pytest

from comedian.errors import InputError
from comedian.formats.soccernet import (
    RESULTS_NAME,
    is_soccernet,
    list_soccernet,
    read_soccernet,
    soccernet_game,
    write_soccernet,
)
from tests.formats.some_spots import GAME, SOME


@pytest.mark.parametrize(
    ("video", "game"),
    [
        (f"/data/SoccerNet/{GAME}/1_224p.mkv", GAME),
        (f"{GAME}/2", GAME),
        ("a/b/c/1_224p.mkv", "a/b/c"),
        ("c/1_224p.mkv", "c"),
        ("clips/final.mkv", "clips/final"),
        ("../final 1.0.mkv", "final 1.0"),
        ("a/b/c/half2_224p.mkv", "a/b/c"),
        ("x/a/b/c/224p.mp4", "a/b/c"),
        ("C:\\data\\a\\b\\c\\1_224p.mkv", "a/b/c"),
    ],
)
def test_game_of_a_video(video, game):
    assert soccernet_game(video) == game


@pytest.mark.parametrize("name", ["results", "results.zip"])
def test_soccernet_round_trip(tmp_path, name):
    target = tmp_path / "new" / name
    write_soccernet(iter(SOME), target)
    assert [path.name for path in target.parent.iterdir()] == [name]
    assert is_soccernet(target)
    root = f"{target}/" if name == "results" else ""
    assert list_soccernet(target) == [f"{root}a/b/c", f"{root}{GAME}"]
    read = list(read_soccernet(target))
    assert [one["video"] for one in read] == [
        f"{root}{game}" for game in ("a/b/c/1", f"{GAME}/1", f"{GAME}/1", f"{GAME}/2")
    ]
    assert [one | {"video": ""} for one in read] == [one | {"video": ""} for one in SOME[3:] + SOME[:3]]


def test_soccernet_layout(tmp_path):
    write_soccernet(SOME[:3], tmp_path / "results")
    record = json.loads((tmp_path / "results" / GAME / RESULTS_NAME).read_text())
    assert record["UrlLocal"] == GAME
    assert record["predictions"][0] == {
        "gameTime": "1 - 2:50",
        "label": "Penalty",
        "position": "170500",
        "half": "1",
        "confidence": "0.7775513529777527",
    }
    assert record["predictions"][2]["gameTime"] == "2 - 45:7"


def test_a_folder_keeps_its_other_games(tmp_path):
    write_soccernet(SOME[:3], tmp_path / "results")
    write_soccernet(SOME[3:], tmp_path / "results")
    assert len(list_soccernet(tmp_path / "results")) == 2


@pytest.mark.parametrize("name", ["results", "results.zip"])
def test_a_failure_leaves_what_was_there(tmp_path, name):
    target = tmp_path / name
    write_soccernet(SOME[:3], target)
    before = list(read_soccernet(target))
    changed = [one | {"confidence": 0.5} for one in (SOME[0], SOME[3], SOME[1])]
    with pytest.raises(InputError, match="come back"):
        write_soccernet(changed, target)
    assert list(read_soccernet(target)) == before
    assert list(tmp_path.iterdir()) == [target]


def test_halves_stand_together_whatever_the_file_does(tmp_path):
    """Official files go class by class; the order within a half stays."""
    predictions = [
        {"label": "a", "position": str(position), "half": str(half), "confidence": "0.5"}
        for position, half in ((5, 2), (7, 1), (3, 2), (1, 1))
    ]
    (tmp_path / RESULTS_NAME).write_text(json.dumps({"predictions": predictions}))
    for source in (tmp_path, tmp_path / RESULTS_NAME):
        found = [(one["half"], one["position_ms"]) for one in read_soccernet(source)]
        assert found == [(1, 7), (1, 1), (2, 5), (2, 3)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "cut short"),
        ('{"UrlLocal": "a"}', "predictions"),
        ('{"predictions": [{"label": "a"}]}', "has no 'half'"),
        (
            '{"predictions": [{"label": "a", "half": "x", "position": "1", "confidence": "1"}]}',
            "'half' is \"x\", no",
        ),
        ('{"predictions": ["a"]}', 'prediction 1: is "a", no object'),
        ('{"predictions": {"a": 1}}', 'has no list of "predictions"'),
        ('[{"predictions": []}]', 'has no list of "predictions"'),
        (
            '{"predictions": [{"label": ["a"], "half": 1, "position": 1, "confidence": 1}]}',
            r"prediction 1: 'label' is \[\"a\"\], no text",
        ),
        (
            '{"predictions": [{"label": "a", "half": {}, "position": 1, "confidence": 1}]}',
            "'half' is {}, no",
        ),
        ('{"predictions": [{"label": "a", "half": true, "position": 1}]}', "'half' is true, no number"),
        (
            '{"predictions": [{"label": "a", "half": 1, "position": 1e999}]}',
            "'position' is Infinity, which",
        ),
        (
            '{"predictions": [{"label": "a", "half": 1, "position": 1, "confidence": null}]}',
            "'confidence' is null, no number",
        ),
        ('{"predictions": [' + "[" * 100_000, "nested too deeply"),
        ('{"predictions": [{"label": "a", "half": 1%s}]}' % ("0" * 100_000), "thousands of digits"),
        (r'{"predictions": [{"label": "\ud800"}]}', "half of a character"),
    ],
)
def test_broken_results_are_told(tmp_path, text, what):
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / RESULTS_NAME).write_text(text)
    with pytest.raises(InputError, match=what) as error:
        list(read_soccernet(tmp_path))
    assert str(tmp_path / "g" / RESULTS_NAME) in str(error.value)


def test_broken_zips_and_empty_places_are_told(tmp_path):
    write_soccernet(SOME, tmp_path / "whole.zip")
    whole = (tmp_path / "whole.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bad.zip").write_bytes(whole.replace(whole[150:160], b"0123456789"))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    (tmp_path / "empty").mkdir()
    for name in ("cut.zip", "bad.zip", "other.zip", "empty"):
        with pytest.raises(InputError, match=name):
            list(read_soccernet(tmp_path / name))


def test_a_file_is_not_taken_for_a_folder(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        write_soccernet(SOME, tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize("name", ["results", "results.zip"])
def test_games_that_keep_no_spot_are_written_with_an_empty_list(tmp_path, name):
    videos = ["data/l/s/empty/1_224p.mkv", "data/l/s/empty/2_224p.mkv", f"{GAME}/1"]
    write_soccernet(SOME[:3], tmp_path / name, videos)
    found = {game[-9:]: game for game in list_soccernet(tmp_path / name)}
    assert set(found) == {"l/s/empty", GAME[-9:]}
    assert len(list(read_soccernet(tmp_path / name))) == 3


def test_other_keys_survive_both_ways(tmp_path):
    spots = [one | {"team": "left", "by": {"me": [1]}} for one in SOME[:3]]
    write_soccernet(spots, tmp_path / "r")
    assert [one | {"video": ""} for one in read_soccernet(tmp_path / "r")] == [
        one | {"video": ""} for one in spots
    ]


@pytest.mark.parametrize("video", ["..", "a/..", "", "/", "\0/1_224p.mkv", "x" * 256, f"{'ä' * 128}/2.mkv"])
def test_what_names_no_game_is_refused(tmp_path, monkeypatch, video):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="names no game; name videos by folder and file"):
        write_soccernet([SOME[0] | {"video": video}], tmp_path / "r")
    assert not list(tmp_path.iterdir())


def test_a_half_named_from_the_root_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    with pytest.raises(InputError, match=r"'1_x.mkv' names no game"):
        write_soccernet([SOME[0] | {"video": "1_x.mkv"}], tmp_path / "r")


def test_two_videos_of_one_half_of_a_game_are_refused(tmp_path):
    """As of a zip that holds an older copy of itself."""
    spots = [SOME[0] | {"video": f"{folder}a/b/c/1"} for folder in ("", "old/")]
    with pytest.raises(InputError, match="a/b/c/1 and old/a/b/c/1 both hold half 1 of a/b/c"):
        write_soccernet(spots, tmp_path / "r")


def test_the_half_is_the_one_that_the_name_says(tmp_path):
    spots = [SOME[0] | {"video": f"a/b/c/half{half}.mkv"} for half in (1, 2)]  # all say half 1
    write_soccernet(spots, tmp_path / "r")
    assert [one["half"] for one in read_soccernet(tmp_path / "r")] == [1, 2]
