"""Which game and half a file is, by its name."""

from pathlib import Path

import pytest

from comedian.formats.naming import half_number, is_game_file, named

G = ("l", "s", "2015-02-21 - 18-00 A 1 - 0 B")
GAME = "/".join(G)


@pytest.mark.parametrize(
    ("name", "half"),
    [
        (f"{GAME}/1_224p.mkv", 1),
        (f"{GAME}/2_720p.h5", 2),
        (f"{GAME}/2_baidu_soccer_embeddings.npy", 2),
        (f"{GAME}/1", 1),
        (f"{GAME}/2.MP4", 2),
        (f"{GAME}/half1.mkv", 1),
        (f"{GAME}/Half_2_224p.mkv", 2),
        (f"{GAME}/half 2.mkv", 2),
        (f"{GAME}/1st half.mkv", 1),
        (f"{GAME}/second_half_hd.mp4", 2),
        (f"{GAME}/3_224p.mkv", 3),
        (f"{GAME}/half3.mkv", 3),
        (f"{GAME}/224p.mp4", None),
        (f"{GAME}/720p_x.mp4", None),
        (f"C:\\data\\{GAME}\\2_224p.mkv".replace("/", "\\"), 2),
    ],
)
def test_files_of_a_game(name, half):
    assert is_game_file(name)
    assert named(name).game[-3:] == G
    assert named(name).half == half
    assert half_number(name) == (half or 1)


@pytest.mark.parametrize(
    "name",
    [GAME, "clips/final", "clips/half.mkv", "clips/3_goal.mkv", "clips/12.mkv", "a/12p", "a/2-1 win"],
)
def test_games_by_themselves(name):
    assert not is_game_file(name)
    stem = name.removesuffix(".mkv")
    assert named(name) == (tuple(stem.split("/")), None)


def test_from_inside_the_folder(tmp_path, monkeypatch):
    (tmp_path / "G" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "G")
    assert named("1_224p.mkv") == named(Path("./1")) == ((*tmp_path.parts[1:], "G"), 1)
    monkeypatch.chdir(tmp_path / "G" / "in")
    assert named("../2_224p.mkv") == ((*tmp_path.parts[1:], "G"), 2)
