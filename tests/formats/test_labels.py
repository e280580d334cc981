"""Every form of labels, seen from what a file holds."""

import json
from pathlib import Path

import pytest

from comedian.errors import InputError
from comedian.formats.actions import IN_FILE, Action
from comedian.formats.classes import read_classes
from comedian.formats.labels import read_label_sets, read_labels

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
MATCHES = Path(__file__).resolve().parents[1] / "data/matches"
OWN = [
    {"half": 1, "position_ms": 1500, "label": "Goal"},
    {"half": 2, "position_ms": 7.5, "label": "Foul", "visibility": "not shown", "by": "me"},
]
ACTIONS = [Action(1, 1500, "Goal"), Action(2, 7.5, "Foul", "not shown")]


def put(tmp_path, content) -> Path:
    path = tmp_path / "labels.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_soccernet(tmp_path):
    annotations = [
        {"gameTime": "1 - 00:01", "label": "Goal", "position": "1500", "visibility": "visible"},
        {"gameTime": "2 - 10:07", "label": "Foul", "team": "home", "visibility": "not shown"},
        {"gameTime": "2 - 100:07", "label": "Foul", "position": 6007000},
    ]
    path = put(tmp_path, {"UrlLocal": "a/b", "annotations": annotations})
    assert read_labels(path) == [
        Action(1, 1500, "Goal"),
        Action(2, 607000, "Foul", "not shown"),
        Action(2, 6007000, "Foul"),
    ]


def test_own_form_as_array_and_as_lines(tmp_path):
    assert read_labels(put(tmp_path, OWN)) == ACTIONS
    lines = [json.dumps(record) for record in OWN]
    assert read_labels(put(tmp_path, "\n".join(lines))) == ACTIONS
    assert read_labels(put(tmp_path, f"\n{lines[0]}\n\n{lines[1]}\n")) == ACTIONS
    assert read_labels(put(tmp_path, lines[0] + "\n")) == ACTIONS[:1]
    assert read_labels(put(tmp_path, "\n".join(lines + lines[:1]))) == [*ACTIONS, ACTIONS[0]]
    assert read_labels(put(tmp_path, json.dumps(OWN, indent=2))) == ACTIONS
    assert read_labels(put(tmp_path, "[]")) == []


def test_own_form_for_several_videos(tmp_path):
    records = [record | {"video": name} for record in OWN for name in ("a.mkv", "b.mkv")]
    assert read_label_sets(put(tmp_path, records)) == {"a.mkv": ACTIONS, "b.mkv": ACTIONS}


def test_e2e_spot(tmp_path):
    videos = [
        {"video": "x", "fps": 25.0, "num_frames": 9, "events": [{"frame": 93, "label": "serve"}]},
        {"video": "y", "fps": 30, "num_frames": 9, "events": []},
    ]
    assert read_label_sets(put(tmp_path, videos)) == {"x": [Action(IN_FILE, 3720, "serve")], "y": []}


def test_real_files():
    path = next(MATCHES.rglob("Labels-v2.json"))
    assert len(read_labels(path)) == len(json.loads(path.read_text())["annotations"])


@pytest.mark.parametrize("sport", ["tennis", "fs_comp"])
def test_real_e2e_spot_files(sport):
    path = DATA / "e2e-spot" / sport / "val.json"
    if not path.is_file():
        pytest.skip("the E2E-Spot samples are not here")
    sets, videos = read_label_sets(path), json.loads(path.read_text())
    assert {video["video"]: video["num_events"] for video in videos} == {
        name: len(actions) for name, actions in sets.items()
    }
    classes = read_classes(str(path.with_name("class.txt")))
    assert {action.label for action in read_labels(path)} == set(classes)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "labels.json"),
        ("{", "labels.json:1"),
        ('[\n {"half": 1,', "labels.json:2"),
        ('{"a": 1}', "labels.json"),
        ("3", "labels.json"),
        ('{"half": 1, "position_ms": 1, "label": "a"}\n{"half"', "labels.json:2"),
        ({"annotations": [{"label": "Goal"}]}, "annotation 1"),
        ({"annotations": [{"gameTime": "x - 00:00", "position": "1", "label": "a"}]}, "annotation 1"),
        ({"annotations": [{"gameTime": "1 - 00:00", "position": "1", "label": 3}]}, "annotation 1"),
        ({"annotations": [3]}, "annotation 1"),
        ([OWN[0], {"half": 1}], "entry 2"),
        ([OWN[0], {"half": "1", "position_ms": 1, "label": "a"}], "entry 2"),
        ([{"video": "x", "events": [{"frame": 1, "label": "a"}]}], "video 1"),
        ([{"video": "x", "fps": 0, "events": [{"frame": 1, "label": "a"}]}], "video 1, event 1"),
        ([{"video": "x", "fps": 25, "events": []}, {"video": "y"}], "video 2"),
    ],
)
def test_errors_name_the_place(tmp_path, content, place):
    with pytest.raises(InputError) as error:
        read_labels(put(tmp_path, content))
    assert place in str(error.value.file)
    assert error.value.remedy


def test_a_video_is_not_labels(tmp_path):
    path = tmp_path / "match.mkv"
    path.write_bytes(b"\x1aE\xdf\xa3\x00\xff")
    with pytest.raises(InputError, match="not a text file"):
        read_labels(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_marks_and_line_ends_are_read_over(tmp_path, encoding):
    path = tmp_path / "labels.jsonl"
    lines = [json.dumps(record | {"by": "Ä"}, ensure_ascii=False) for record in OWN]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    assert read_labels(path) == ACTIONS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named(tmp_path, encoding):
    path = tmp_path / "labels.json"
    path.write_bytes(json.dumps(OWN).encode(encoding))
    with pytest.raises(InputError, match=r"labels.json: is UTF-16; save it as UTF-8: iconv"):
        read_labels(path)


def test_other_encodings_are_told_with_their_line(tmp_path):
    path = tmp_path / "labels.json"
    path.write_bytes(json.dumps([OWN[0] | {"by": "é"}], ensure_ascii=False, indent=1).encode("cp1252"))
    with pytest.raises(
        InputError, match=r"is not a text file in UTF-8 \(line 6\); save it as UTF-8, from the"
    ):
        read_labels(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            {"UrlLocal": "a", "predictions": []},
            "holds one object with 'predictions', as SoccerNet's results are",
        ),
        ({"images": [], "categories": 1}, "holds one object with 'images', 'categories': no labels"),
        ("{}", "holds one empty object"),
        ("3", "holds one number"),
        ("null", "holds null"),
        ('"x"', "holds one text"),
        (
            '[{"half": 1, "position_ms": 1%s, "label": "a"}]' % ("0" * 100_000),
            "a number of thousands of digits",
        ),
        ("[" * 100_000 + "]" * 100_000, "is nested too deeply"),
        (r'[{"half": 1, "position_ms": 1, "label": "a\ud800"}]', r"holds half of a character, '\\ud800'"),
        (
            r'{"half": 1, "position_ms": 1, "label": "a"}' + "\n" + r'{"label": "\uDC00"}',
            r"json:2: holds half",
        ),
    ],
)
def test_json_that_is_no_labels_is_named_as_what_it_is(tmp_path, content, what):
    with pytest.raises(InputError, match=what):
        read_labels(put(tmp_path, content))


def test_whole_characters_as_two_escapes_are_text(tmp_path):
    content = r'[{"half": 1, "position_ms": 1, "label": "\ud83d\ude00"}]'
    assert read_labels(put(tmp_path, content)) == [Action(1, 1, "😀")]


GAME_TIMES = {
    "1 - 05:03": 303_000,
    "1 - 5:3": 303_000,
    "1-05:03": 303_000,
    "1 - 05:03.500": 303_500,
    "1 - 05:03,5": 303_500,
    "1 - 00:05:03": 303_000,
    "1 - 100:07": 6_007_000,
    "1 - 45:00+2": 2_820_000,
    "1 - 45:00 + 2:30": 2_850_000,
}


@pytest.mark.parametrize(("time", "position_ms"), GAME_TIMES.items())
@pytest.mark.parametrize("position", [{}, {"position": None}, {"position": ""}])
def test_game_times_as_people_write_them(tmp_path, time, position_ms, position):
    annotation = {"gameTime": time, "label": "Goal"} | position
    assert read_labels(put(tmp_path, {"annotations": [annotation]})) == [Action(1, position_ms, "Goal")]


@pytest.mark.parametrize(
    ("annotation", "action"),
    [
        ({"gameTime": "1 - 45:00+2", "position": "2820000"}, Action(1, 2_820_000, "Goal")),
        ({"gameTime": "1 - x", "position": 303500.7}, Action(1, 303_500, "Goal")),
        ({"gameTime": "1 - 05:03", "position": "303500.0"}, Action(1, 303_500, "Goal")),
        ({"gameTime": "3 - 02:11", "position": "131000"}, Action(3, 131_000, "Goal")),
        ({"half": 2, "position": 2820000}, Action(2, 2_820_000, "Goal")),
        ({"gameTime": None, "half": "2", "position": 1}, Action(2, 1, "Goal")),
        ({"gameTime": "1 - 00:00", "position": "-400"}, Action(1, -400, "Goal")),
        ({"gameTime": "1 - 00:00", "position": "0", "visibility": None}, Action(1, 0, "Goal")),
    ],
)
def test_positions_as_people_write_them(tmp_path, annotation, action):
    assert read_labels(put(tmp_path, {"annotations": [{"label": "Goal"} | annotation]})) == [action]


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        ({"gameTime": "", "position": "1"}, "annotation 1: 'gameTime' is \"\", which says no half"),
        ({"gameTime": None, "position": "1"}, "annotation 1: 'gameTime' is null, which says no half"),
        (
            {"gameTime": "H1 - 05:03", "position": "1"},
            "annotation 1: 'gameTime' is \"H1 - 05:03\", which says",
        ),
        ({"gameTime": 103, "position": "1"}, "'gameTime' is 103, no text"),
        ({"gameTime": "1 - noon"}, "'gameTime' is \"1 - noon\", no time like '1 - 20:34'"),
        ({"position": "1"}, "annotation 1: has no 'gameTime'"),
        ({"gameTime": "1 - 00:00", "position": "now"}, "'position' is \"now\", no number"),
        ({"gameTime": "1 - 00:00", "position": True}, "'position' is true, no number"),
        ({"gameTime": "1 - 00:00", "position": [1]}, r"'position' is \[1\], no number"),
        ({"gameTime": "1 - 00:00", "position": "1e999"}, "'position' is \"1e999\", which cannot be"),
        ({"gameTime": "1 - 00:00", "position": "nan"}, "'position' is \"nan\", which cannot be"),
        ({"gameTime": "1 - 00:00", "position": 10**400}, "'position' is 1000.*…, which cannot be"),
        ({"gameTime": "1 - 00:00", "visibility": 1}, "'visibility' is 1, no text"),
    ],
)
def test_what_is_no_position_names_entry_key_and_value(tmp_path, annotation, what):
    with pytest.raises(InputError, match=what):
        read_labels(put(tmp_path, {"annotations": [{"label": "Goal"} | annotation]}))


EVENTS = [{"frame": 93, "label": "serve", "comment": "far; not shown"}, {"frame": 100, "label": "bounce"}]


@pytest.mark.parametrize(
    ("video", "what"),
    [
        ({"num_frames": 9}, "video 1: has no 'events'"),
        ({"events": 3}, "video 1, events: 3 is no list"),
        ({"events": EVENTS}, "video 1, event 1: has no 'fps'"),
        ({"events": EVENTS, "fps": 0}, "event 1: 'fps' of its video is 0, which cannot be"),
        ({"events": EVENTS, "fps": None}, "event 1: 'fps' is null, no number"),
        ({"events": [{"frame": "x", "label": "a"}], "fps": 2}, "event 1: 'frame' is \"x\", no number"),
        ({"events": [3], "fps": 2}, "event 1: is 3, no object"),
    ],
)
def test_what_is_wrong_with_e2e_spots_files(tmp_path, video, what):
    with pytest.raises(InputError, match=what):
        read_labels(put(tmp_path, [{"video": "x"} | video, {"video": "y", "fps": 25, "events": []}]))


def test_osl_1(tmp_path):
    annotations = [
        {"gameTime": "1 - 01:35", "label": "Goal", "position": 95500},
        {"gameTime": "01:01", "label": "Foul", "position": 61000, "visibility": "not shown"},
    ]
    videos = [
        {"path": "clips/final.mkv", "annotations": annotations},
        {"path": "G/2_224p.mkv", "annotations": annotations[1:]},
    ]
    assert read_label_sets(put(tmp_path, {"version": 1, "videos": videos, "labels": ["Goal", "Foul"]})) == {
        "clips/final.mkv": [Action(1, 95_500, "Goal"), Action(IN_FILE, 61_000, "Foul", "not shown")],
        "G/2_224p.mkv": [Action(2, 61_000, "Foul", "not shown")],
    }


OSL_EVENTS = [
    {"head": "action", "label": "Goal", "position_ms": 95500},
    {"head": "action", "label": "Foul", "position_ms": "61000", "visibility": "not shown"},
]


def osl_2(*paths, events=OSL_EVENTS):
    inputs = [{"type": "video", "path": path, "fps": 25.0} for path in paths]
    return {
        "version": "2.0",
        "task": "action_spotting",
        "data": [{"id": "1", "inputs": inputs, "events": events}],
    }


@pytest.mark.parametrize(("path", "half"), [("clips/final.mkv", IN_FILE), ("G/2_224p.mkv", 2)])
def test_osl_2(tmp_path, path, half):
    actions = [Action(half, 95_500, "Goal"), Action(half, 61_000, "Foul", "not shown")]
    assert read_label_sets(put(tmp_path, osl_2(path))) == {path: actions}


def test_osl_2_with_halves_in_one_file(tmp_path):
    content = osl_2("match.mkv")
    content["data"][0]["metadata"] = {"intervals": INTERVALS}
    actions = [Action(2, 500, "Goal"), Action(1, 31_000, "Foul", "not shown")]
    assert read_label_sets(put(tmp_path, content)) == {"match.mkv": actions}
    content["data"][0]["events"] = [{"label": "Goal", "position_ms": 92_000}]
    with pytest.raises(InputError, match="'position_ms' is 92000, in no interval of its video"):
        read_labels(put(tmp_path, content))


INTERVALS = [
    {"period": "1", "start_time_ms": 30_000, "end_time_ms": 91_000},
    {"period": "2", "start_time_ms": 95_000},
]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (osl_2(), r"record 1: 'inputs' is \[\], not one video"),
        (osl_2("a", "b"), "record 1: 'inputs' is .*, not one video"),
        (osl_2("a", events=None), "record 1, events: null is no list"),
        (
            osl_2("a", events=[{"label": "a", "position_ms": "x"}]),
            "record 1, event 1: 'position_ms' is \"x\"",
        ),
        (osl_2("a", events=[{"label": 3, "position_ms": 1}]), "event 1: 'label' is 3, no text"),
        ({"videos": [{"annotations": []}]}, "video 1: has no 'path'"),
        ({"videos": [{"path": "a"}]}, "video 1, annotations: null is no list"),
        ({"data": [3]}, "record 1: is 3, no object"),
    ],
)
def test_what_is_wrong_with_osl_files(tmp_path, content, what):
    with pytest.raises(InputError, match=what):
        read_labels(put(tmp_path, content))
