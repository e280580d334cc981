"""Every form of labels, seen from what a file holds."""

import json
from pathlib import Path

import pytest

from comedian.errors import InputError
from comedian.formats.actions import Action
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
    assert read_label_sets(put(tmp_path, videos)) == {"x": [Action(1, 3720, "serve")], "y": []}


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
    with pytest.raises(InputError, match=r"is not a text file in UTF-8 \(line 6\)"):
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
