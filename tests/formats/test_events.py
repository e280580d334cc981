"""Spots as lines, and as SoccerNet's results."""

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.formats.events import (
    KEYS,
    RESULTS_NAME,
    is_soccernet,
    list_soccernet,
    read_soccernet,
    read_spots,
    soccernet_game,
    write_soccernet,
    write_spot,
)

GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


def spot(half=1, position_ms=1234500, label="Goal", confidence=0.91, video=None, **more):
    video = video or f"data/{GAME}/{half}_224p.mkv"
    return dict(zip(KEYS, (video, half, position_ms, label, confidence), strict=True)) | more


def bytes_stream(text: str | bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


numbers = st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12)
spots = st.fixed_dictionaries(
    {
        "video": st.text(st.characters(codec="utf-8")),
        "half": st.integers(-3, 3),
        "position_ms": numbers,
        "label": st.text(st.characters(codec="utf-8")),
        "confidence": st.floats(allow_nan=False) | st.integers(0, 1),
    },
    optional={"team": st.none() | st.lists(st.integers())},
)


@given(st.lists(spots, min_size=1, max_size=8), st.booleans(), st.booleans())
def test_what_is_written_is_read(some, over_bytes, last_newline):
    text = io.StringIO()
    for one in some:
        write_spot(text, one)
    lines = text.getvalue() if last_newline else text.getvalue()[:-1]
    stream = bytes_stream(lines) if over_bytes else io.StringIO(lines)
    read = list(read_spots(stream, "x"))
    assert read == some
    kinds = [[{key: type(value) for key, value in one.items()} for one in them] for them in (read, some)]
    assert kinds[0] == kinds[1]


def test_lines_are_plain_json_in_the_order_of_the_keys():
    text = io.StringIO()
    write_spot(text, spot(label='a "Ü"'))
    assert text.getvalue() == json.dumps(spot(label='a "Ü"'), ensure_ascii=False) + "\n"
    assert list(json.loads(text.getvalue())) == list(KEYS)


def test_blank_lines_and_long_streams():
    lines = "".join(json.dumps(spot(position_ms=number)) + "\n\n" for number in range(5000))
    read = list(read_spots(bytes_stream("\n" + lines), "x"))
    assert [one["position_ms"] for one in read] == list(range(5000))


def test_spots_come_as_their_lines_arrive():
    class Trickle(io.RawIOBase):
        def __init__(self):
            self.parts = [json.dumps(spot(position_ms=number)).encode() + b"\n" for number in range(3)]

        def readable(self):
            return True

        def readinto(self, buffer):
            if not self.parts:
                raise AssertionError("read on before it gave out what it had")
            part = self.parts.pop(0)
            buffer[: len(part)] = part
            return len(part)

    found = read_spots(io.TextIOWrapper(io.BufferedReader(Trickle())), "x")
    assert [next(found)["position_ms"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"video": "a", "half": 1, "posi', "cut short"),
        ("not json", "JSON"),
        ("[1]", "object"),
        (json.dumps({"video": "a", "half": 1}), "'position_ms' or 'label' or 'confidence'"),
        (json.dumps(spot(half="1")), "wrong kind"),
        (json.dumps(spot(half=True)), "wrong kind"),
        (json.dumps(spot(position_ms="7")), "wrong kind"),
        (json.dumps(spot(position_ms=float("nan"))), "wrong kind"),
        (json.dumps(spot(label=None)), "wrong kind"),
        (json.dumps(spot(confidence="0.5")), "wrong kind"),
        (json.dumps(spot()) + "," + json.dumps(spot()), "JSON"),
    ],
)
@pytest.mark.parametrize("over_bytes", [True, False])
def test_errors_name_the_line(line, what, over_bytes):
    text = f"{json.dumps(spot())}\n\n{line}\n{json.dumps(spot())}\n"
    found = read_spots(bytes_stream(text) if over_bytes else io.StringIO(text), "match.jsonl")
    next(found)
    with pytest.raises(InputError, match=what) as error:
        list(found)
    assert error.value.file == "match.jsonl:3"
    assert error.value.remedy


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x1aE\xdf\xa3\x00\xff\n"])
def test_no_spots_and_no_text_are_errors(content):
    with pytest.raises(InputError) as error:
        list(read_spots(bytes_stream(content), "match.mkv"))
    assert error.value.file == "match.mkv"


@pytest.mark.parametrize(
    ("video", "game"),
    [
        (f"/data/SoccerNet/{GAME}/1_224p.mkv", GAME),
        (f"{GAME}/2", GAME),
        ("a/b/c/1_224p.mkv", "a/b/c"),
        ("c/1_224p.mkv", "c"),
        ("clips/final.mkv", "clips/final"),
        ("../final 1.0.mkv", "final 1.0"),
    ],
)
def test_game_of_a_video(video, game):
    assert soccernet_game(video) == game


SOME = [
    spot(1, 170500, "Penalty", 0.7775513529777527),
    spot(1, 180500, "Goal", 1 / 3),
    spot(2, 2707999, "Yellow card", 1e-3),
    spot(1, 0, "Goal", 1.0, video="data/a/b/c/1_224p.mkv"),
]


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
        ('{"predictions": [{"label": "a", "half": "x", "position": "1", "confidence": "1"}]}', "wrong"),
        ('{"predictions": ["a"]}', "wrong"),
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
