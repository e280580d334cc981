"""Which games files, folders and lists name."""

import os

import pytest

from comedian.errors import InputError
from comedian.formats.games import (
    FRAMES_SUFFIXES,
    VIDEO_SUFFIXES,
    files_of,
    find_games,
    left_out,
    read_list,
)


def found(sources, suffixes=VIDEO_SUFFIXES, **options) -> list[tuple[str, list[tuple[str, int]]]]:
    games = find_games(sources, suffixes, **options)
    return [(game.name, [(half.path.name, half.number) for half in game.halves]) for game in games]


HALVES = [("1_224p.mkv", 1), ("2_224p.mkv", 2)]


def test_a_game_folder_and_a_tree_of_them(tree):
    root = tree(
        "l/2015/A B/2_224p.mkv", "l/2015/A B/1_224p.mkv", "l/2016/C/1_224p.mkv", "l/2016/C/note.txt"
    )
    assert found([root / "l/2015/A B"]) == [("A B", HALVES)]
    assert found([root]) == [("l/2015/A B", HALVES), ("l/2016/C", HALVES[:1])]


def test_loose_videos_are_a_game_each(tree):
    root = tree("clips/b.mp4", "clips/a.MKV", "clips/.hidden.mkv", "clips/more/c.ts", "clips/G/1_224p.mkv")
    games = find_games([root / "clips"], VIDEO_SUFFIXES)
    assert [(game.name, game.folder) for game in games] == [
        ("a", False),
        ("b", False),
        ("G", True),
        ("more/c", False),
    ]
    assert found([root / "clips"])[0] == ("a", [("a.MKV", 1)])


def test_a_single_file_is_its_own_game(tree):
    root = tree("final.mkv", "2_720p.mkv")
    assert found([root / "final.mkv", root / "2_720p.mkv"]) == [
        ("final", [("final.mkv", 1)]),
        ("2_720p", [("2_720p.mkv", 2)]),
    ]


def test_lists_of_folders_and_files_from_a_root(tree):
    root = tree(
        "v/l/A B/1_224p.mkv", "v/l/A B/2_224p.mkv", "v/clips/a.mkv", "v/loose/x.mkv", "v/loose/y.mkv"
    )
    games = root / "games.txt"
    games.write_text("# a comment\n\nl/A B/\nclips/a.mkv\nloose\n")
    expected = [
        ("l/A B", HALVES),
        ("clips/a", [("a.mkv", 1)]),
        ("loose/x", [("x.mkv", 1)]),
        ("loose/y", [("y.mkv", 1)]),
    ]
    assert found([games], root=root / "v") == expected
    (root / "v/games.txt").write_text(games.read_text())
    assert found([root / "v/games.txt"]) == expected


def test_one_list_names_videos_and_their_frames(tree):
    """A list of video files finds, below another root, the frames that were extracted from them."""
    root = tree("frames/clips/a.h5", "frames/clips/b 1.0.h5")
    (root / "games.txt").write_text("clips/a.mkv\nclips/b 1.0\n")
    assert found([root / "games.txt"], FRAMES_SUFFIXES, root=root / "frames") == [
        ("clips/a", [("a.h5", 1)]),
        ("clips/b 1.0", [("b 1.0.h5", 1)]),
    ]


def test_several_files_for_a_half(tree):
    root = tree("G/1_224p.mkv", "G/1_720p.mkv", "G/2_720p.mkv")
    with pytest.raises(InputError, match=r"several files for one half: 1_224p.mkv, 1_720p.mkv; .*--prefer"):
        find_games([root / "G"], VIDEO_SUFFIXES)
    assert found([root / "G"], prefer="224p") == [("G", [("1_224p.mkv", 1), ("2_720p.mkv", 2)])]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("nowhere", "nowhere: no such file or folder; check the path"),
        ("empty", "empty: holds no video; check the path"),
        ("list.txt", "list.txt: game 'A' has no video in .*A; check --root"),
        ("blank.txt", "blank.txt: names no game; write one game's path a line"),
        ("binary.txt", "binary.txt: is UTF-16"),
    ],
)
def test_what_is_not_there_is_said(tree, monkeypatch, source, what):
    root = tree("empty/note.txt")
    (root / "list.txt").write_text("A\n")
    (root / "blank.txt").write_text("\n# nothing\n")
    (root / "binary.txt").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(root)
    with pytest.raises(InputError, match=what):
        find_games([source], VIDEO_SUFFIXES)


def test_frames_are_told_from_other_files(tree):
    root = tree("a.mkv")
    with pytest.raises(InputError, match=r"a.mkv: is not a frames file; make one with extract-frames"):
        find_games([root / "a.mkv"], FRAMES_SUFFIXES)
    with pytest.raises(InputError, match="no game was given"):
        find_games([], FRAMES_SUFFIXES)


def test_read_list_keeps_order_and_spaces(tmp_path):
    (tmp_path / "games.txt").write_text("b c\n a/ \n")
    assert read_list(tmp_path / "games.txt") == ["b c", "a"]


def test_halves_by_other_names_and_games_in_one_file(tree):
    root = tree("A/half1.mkv", "A/half2.mkv", "B/1.mp4", "B/2.mp4", "C/224p.mp4", "C/720p.mp4")
    assert found([root], prefer="224p") == [
        ("A", [("half1.mkv", 1), ("half2.mkv", 2)]),
        ("B", [("1.mp4", 1), ("2.mp4", 2)]),
        ("C", [("224p.mp4", 1)]),
    ]


def test_other_files_of_a_game_are_left_alone(tree):
    root = tree("G/1_224p.mkv", "G/2_224p.mkv", "G/2019_highlights.mkv", "G/12_x.mkv")
    assert found([root]) == [("G", HALVES)]


def test_numbered_clips_are_no_halves_of_a_game(tree):
    root = tree("clips/1.mkv", "clips/2.mkv", "clips/3.mkv", "clips/10.mkv")
    assert [name for name, _ in found([root])] == ["clips/1", "clips/10", "clips/2", "clips/3"]


@pytest.mark.parametrize("name", ["3_224p.mkv", "half3.mkv", "3_extra.mkv"])
def test_periods_after_the_second_are_said(tree, name):
    root = tree("G/1_224p.mkv", "G/2_224p.mkv", f"G/{name}")
    with pytest.raises(InputError, match=rf"{name}: is named as a period other than the halves 1 and 2"):
        find_games([root / "G"], VIDEO_SUFFIXES)


def test_paths_that_are_not_in_utf8_have_names_that_are(tree):
    root = tree("G/1_224p.mkv")
    (root / "G").rename(root / os.fsdecode(b"M\xe1laga"))
    (game,) = find_games([root], VIDEO_SUFFIXES)
    assert game.name == "M\\xe1laga"
    assert game.halves[0].path.exists()


@pytest.mark.parametrize("suffix", "vob dv m2t asf divx f4v m2v gif rmvb wtv y4m MTS h265".split())
def test_a_folder_gives_whatever_ffmpeg_reads(suffix, tmp_path):
    (tmp_path / f"match.{suffix}").touch()
    assert [game.name for game in find_games([tmp_path], VIDEO_SUFFIXES)] == ["match"]


def test_what_a_folder_holds_and_is_left_out(tmp_path):
    names = "1_224p.mkv 2_224p.mkv highlights.mp4 Labels-v2.json 1.h5 odd.xyz .hidden.xyz README a/b.braw"
    for name in names.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    taken = files_of(find_games([tmp_path], VIDEO_SUFFIXES))
    assert left_out([tmp_path], taken) == {tmp_path: ["a/b.braw", "highlights.mp4", "odd.xyz"]}
    assert left_out(taken, taken) == {}
