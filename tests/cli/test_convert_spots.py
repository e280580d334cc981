"""convert-spots as a command: there and back, independent readers, what is lost, what is refused."""

import csv
import io
import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli.convert_spots import main
from comedian.errors import InputError
from comedian.formats.actions import IN_FILE, Action
from comedian.formats.convert import INPUTS, OUTPUTS, Ways, of_text, read_moments, remarks
from comedian.formats.labels import read_label_sets
from comedian.formats.lookup import Labels
from comedian.formats.moments import lost
from comedian.formats.periods import Period, write_periods

ODD = ("Goal", "Yellow->red card", 'a "b"; c, d', "Ünïcode <&> ]]>", "=1+1", "x|y #; \\")


def some(seed: int, *, halves=(1, 2), **always) -> list[dict]:
    """Moments of one match, in order."""
    draw = random.Random(seed)
    found = []
    for half in halves:
        times = sorted(draw.sample(range(0, 2_700_000, 40), 12))
        for time in times:
            moment = {"video": f"L/S/G/{half}_x.mkv", "half": half, "position_ms": time}
            moment |= {"label": draw.choice(ODD), "visibility": draw.choice(["visible", "not shown"])}
            moment |= {"team": draw.choice(["home", "away"])} if draw.random() < 0.5 else {}
            found.append(moment | always)
    return found


def kept(moment: dict, keys) -> dict:
    return {key: value for key, value in moment.items() if key in keys}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("form", "keys", "more"),
    [
        ("jsonl", "video half position_ms label visibility team", {}),
        ("jsonl", "video half position_ms label visibility team confidence", {"confidence": 0.25}),
        ("csv", "video half position_ms label visibility team confidence", {"confidence": 0.25}),
        ("soccernet-labels", "half position_ms label visibility team", {}),
        ("e2e-spot", "video half position_ms label visibility team", {}),
        ("osl", "video half position_ms label visibility team confidence", {"confidence": 0.25}),
    ],
)
def test_there_and_back(form, keys, more, seed):
    moments = some(seed, **more)
    found = of_text(OUTPUTS[form].write(moments, Ways()), "x")
    keys = keys.split()
    expected = [kept(moment, keys) for moment in moments]
    for moment in found:
        moment.setdefault("visibility", "visible")
    order = lambda moment: (moment["half"], moment["position_ms"], moment["label"])  # noqa: E731
    assert sorted((kept(moment, keys) for moment in found), key=order) == sorted(expected, key=order)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("form", ["sportscode", "losslesscut", "llc"])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (5, 3)])
def test_editors_forms_there_and_back(form, before, after, seed):
    moments = [moment | {"position_ms": moment["position_ms"] + 5000} for moment in some(seed, halves=(1,))]
    ways = Ways(before_seconds=before, after_seconds=after)
    found = of_text(OUTPUTS[form].write(moments, ways), "x", None, ways)
    assert [(one["half"], one["position_ms"], one["label"]) for one in found] == [
        (IN_FILE, one["position_ms"], one["label"]) for one in moments
    ]


def test_osl_keeps_both_halves_of_a_file():
    moments = [
        {"video": "m.mkv", "half": 1, "position_ms": 1000, "label": "Goal", "video_ms": 31_000},
        {"video": "m.mkv", "half": 2, "position_ms": 500, "label": "Foul", "video_ms": 3_725_500},
    ]
    text = OUTPUTS["osl"].write(moments, Ways())
    (record,) = json.loads(text)["data"]
    assert [event["position_ms"] for event in record["events"]] == [31_000, 3_725_500]
    back = [{key: value for key, value in one.items() if key != "visibility"} for one in of_text(text, "x")]
    assert back == moments


def test_moments_in_a_file_find_their_half(run, tmp_path):
    write_periods(tmp_path / "m.mkv", [Period(1, 30_000, 2_000_000), Period(2, 3_000_000, None)])
    cut = tmp_path / "cut.csv"
    cut.write_text("31,,Goal\n3000.5,,Foul\n")
    words = [cut, "--video", tmp_path / "m.mkv", "--to"]
    status, out, err = run(main, *words, "soccernet-labels")
    found = [(one["gameTime"], one["position"]) for one in json.loads(out)["annotations"]]
    assert (status, found, err) == (0, [("1 - 00:01", "1000"), ("2 - 00:00", "500")], "")


def test_other_keys_pass_through_our_lines(run, file):
    lines = [json.loads(line) | {"error": "hit"} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, out, err = run(main, file)
    assert (status, [json.loads(line)["error"] for line in out.splitlines()], err) == (0, ["hit"] * 12, "")
    assert "12 error" in run(main, file, "--to", "csv")[2]


def test_results_are_of_games(run, tmp_path):
    (tmp_path / "cut.csv").write_text("2,,Goal\n")
    words = (tmp_path / "cut.csv", "--to", "soccernet", "-o", tmp_path / "r.zip", "-q")
    assert run(main, *words)[::2] == (
        1,
        "convert-spots: moments name no video, results are of games; give --video GAME/1\n",
    )
    assert run(main, *words, "--video", "G/2")[0] == 0
    assert [one["half"] for one in read_moments(tmp_path / "r.zip")] == [2]


def test_the_ball_has_one_timeline(run, tmp_path):
    write_periods(tmp_path / "m.mkv", [Period(1, 30_000, 2_000_000), Period(2, 3_000_000, None)])
    moment = {
        "video": str(tmp_path / "m.mkv"),
        "half": 2,
        "position_ms": 500,
        "label": "PASS",
        "team": "left",
    }
    (tmp_path / "one.jsonl").write_text(json.dumps(moment) + "\n")
    ball = tmp_path / "Labels-ball.json"
    assert run(main, tmp_path / "one.jsonl", "--to", "soccernet-ball", "-o", ball) == (0, "", "")
    (found,) = json.loads(ball.read_text())["annotations"]
    assert (found["gameTime"], found["position"], found["team"]) == ("1 - 50:00", "3000500", "left")
    (back,) = read_moments(ball)
    assert (back["half"], back["position_ms"], back["team"]) == (IN_FILE, 3_000_500, "left")
    ball.write_text('{"annotations": [{"gameTime": "2 - 00:01", "position": "1000", "label": "PASS"}]}')
    assert "holds half 2" in run(main, ball)[2]


def test_halves_in_one_file_are_two_videos_of_e2e_spot(tmp_path):
    moments = [{"video": "a/m.mkv", "half": half, "position_ms": 40, "label": "x"} for half in (1, 2)]
    path = tmp_path / "labels.json"
    path.write_text(OUTPUTS["e2e-spot"].write(moments, Ways()))
    labels = Labels(["a/m.mkv"], path)
    assert [one.half for one in labels.of(labels.game_of("a/m.mkv"))] == [1, 2]


def test_a_folder_of_spots(run, tmp_path):
    for game in "ab":
        (tmp_path / "d").mkdir(exist_ok=True)
        (tmp_path / "d" / f"{game}.jsonl").write_text(
            json.dumps(some(0, halves=(1,), confidence=0.5)[0] | {"video": f"{game}/1.mkv"}) + "\n"
        )
    status, out, _ = run(main, tmp_path / "d")
    assert (status, [json.loads(line)["video"] for line in out.splitlines()]) == (0, ["a/1.mkv", "b/1.mkv"])
    assert "is also an input" in run(main, tmp_path / "d", "-o", tmp_path / "d" / "a.jsonl")[2]


def test_what_has_no_effect_or_is_made_up_is_said(run, file, tmp_path):
    one = [{"video": "m", "half": 1, "position_ms": 50, "label": "Goal"}]
    assert remarks(one, "e2e-spot", Ways(25))[0].endswith(
        "1 times move to the nearest frame at 25 a second"
    )
    assert remarks(one, "e2e-spot", Ways(20)) == []
    assert "--fps has no effect on jsonl" in run(main, file, "--fps", "30")[2]
    assert "--after has no effect on srt" in run(main, file, "--to", "srt", "--after", "3")[2]
    labels = tmp_path / "cut.csv"
    labels.write_text("2,,Goal\n")
    args = (labels, "--video", "L/S/G/1.mkv", "--to")
    assert "1 labels without a confidence get 1" in run(main, *args, "soccernet", "-o", tmp_path / "r")[2]
    one = [{"video": "m", "half": 1, "position_ms": 2000, "label": "Goal"}]
    assert "1 moments would begin before the file" in remarks(one, "sportscode", Ways(before_seconds=3))[0]
    times = "".join(f"{at},,x\n" for at in (11, 15, 30, 50))
    labels.write_text(times)
    assert "left out 1 less than 10 s apart" in run(main, labels, "--to", "youtube")[2]


def test_a_table_that_a_person_edited(tmp_path):
    text = (
        "\ufeffVideo;Half; Clock ;Label;Confidence;note\r\n"
        "m.mkv;1;44:59,5;Goal;0,75;well done\r\n;;;;;\r\nm.mkv;2;1:02:05;Foul;;\r\n"
    )
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode())
    assert read_moments(path) == [
        {"video": "m.mkv", "half": 1, "position_ms": 2_699_500, "label": "Goal", "confidence": 0.75},
        {"video": "m.mkv", "half": 2, "position_ms": 3_725_000, "label": "Foul"},
    ]
    assert read_label_sets(path) == {"m.mkv": [Action(1, 2_699_500, "Goal"), Action(2, 3_725_000, "Foul")]}


def test_other_forms_are_labels_too(tmp_path):
    moments = some(0, halves=(1,))
    for form in ("sportscode", "losslesscut", "llc"):
        path = tmp_path / form
        path.write_text(OUTPUTS[form].write(moments, Ways()))
        (actions,) = read_label_sets(path).values()
        assert [action.position_ms for action in actions] == [one["position_ms"] for one in moments]


def test_a_folder_may_hold_tables_of_labels(tmp_path):
    (tmp_path / "a.csv").write_text("label,clock\nServe,0:01.5\n")
    (tmp_path / "b.llc").write_text("{cutSegments: [{start: 2, name: 'Serve'}], mediaFileName: 'b.mp4'}")
    (tmp_path / "notes.csv").write_text("name,place\nx,y\n")
    labels = Labels(["clips/a.mp4", "clips/b.mp4"], tmp_path)
    found = [labels.of(labels.game_of(f"clips/{name}.mp4")) for name in "ab"]
    assert [[(one.position_ms, one.label) for one in some] for some in found] == [
        [(1500, "Serve")],
        [(2000, "Serve")],
    ]
    (tmp_path / "a.xml").write_text("<file><ALL_INSTANCES/></file>")
    with pytest.raises(InputError, match=r"a.xml: is of one video with a.csv"):
        Labels(["clips/a.mp4"], tmp_path)


def test_independent_readers(tmp_path):
    moments = some(1, halves=(1,), confidence=0.5)
    texts = {form: output.write(moments, Ways()) for form, output in OUTPUTS.items() if form != "youtube"}
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert [row["label"] for row in rows] == [one["label"] for one in moments]
    codes = [one.text for one in ElementTree.fromstring(texts["sportscode"]).iter("code")]
    assert codes[: len(moments)] == [one["label"] for one in moments]
    assert texts["sportscode"].isascii()
    markers = [one.get("value") for one in ElementTree.fromstring(texts["fcpxml"]).iter("marker")]
    assert markers == [one["label"] for one in moments]
    assert len(re.findall(r"-->", texts["webvtt"])) == len(re.findall(r"-->", texts["srt"])) == len(moments)
    assert texts["edl"].count("|M:") == texts["ffmetadata"].count("[CHAPTER]") == len(moments)
    assert " 01:00:" in texts["edl"] or " 01:" in texts["edl"]
    if shutil.which("ffprobe"):
        path = tmp_path / "chapters.txt"
        path.write_text(texts["ffmetadata"])
        words = ["ffprobe", "-v", "error", "-f", "ffmetadata", "-show_chapters", "-of", "json", path]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        chapters = json.loads(done.stdout)["chapters"]
        assert [one["tags"]["title"].rstrip() for one in chapters] == [one["label"] for one in moments]
        assert [one["start"] for one in chapters] == [one["position_ms"] for one in moments]


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "spots.jsonl"
    spots = some(2, halves=(1,), confidence=0.5)
    path.write_text("".join(json.dumps(spot) + "\n" for spot in spots))
    return path


def test_what_is_lost_is_said(run, file, tmp_path):
    status, out, err = run(main, file, "-o", tmp_path / "x.srt")
    assert (status, out, err.count("\n")) == (0, "", 1)
    assert re.match(r"convert-spots: SRT has no place for 12 halves, \d+ teams?.*12 confidences", err) or (
        "12 confidences" in err
    )
    assert run(main, file, "-o", tmp_path / "x.srt", "-q") == (0, "", "")
    assert lost([{"visibility": "visible", "label": "a", "half": IN_FILE}], ("label",)) == []


def test_down_a_pipe_and_into_results(run, file, tmp_path):
    status, out, err = run(main, file)
    assert (status, err) == (0, "")
    assert [json.loads(line)["label"] for line in out.splitlines()] == [
        json.loads(line)["label"] for line in file.read_text().splitlines()
    ]
    assert run(main, file, "--to", "soccernet", "-o", tmp_path / "r.zip")[0] == 0
    back = [json.loads(line) for line in run(main, tmp_path / "r.zip")[1].splitlines()]
    assert [(one["position_ms"], one["confidence"]) for one in back] == [
        (json.loads(line)["position_ms"], 0.5) for line in file.read_text().splitlines()
    ]
    (tmp_path / "none.jsonl").touch()
    for form in OUTPUTS:
        if form != "youtube":
            assert run(main, tmp_path / "none.jsonl", "--to", form)[0] == 0, form


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><file><ALL_INSTANCES/></file>", (), "declares a document type"),
        ("<file><ALL_INSTANCES><instance></file>", (), "is not XML"),
        (
            "<file><ALL_INSTANCES><instance/></ALL_INSTANCES></file>",
            (),
            "instance 1: has no start",
        ),
        ("label,clock\nGoal,x\n", (), "line 2: 'x' is no time like 44:59.5"),
        ("label,clock\n,1:00\n", (), "line 2: has no label"),
        ("label,clock,seconds\nGoal,1:00,90\n", (), "line 2: says 1:00 and 90 seconds; empty the one"),
        (
            "half,label,seconds,video_seconds\n1,Goal,1,31\n1,Foul,9,32\n",
            (),
            "'Foul': seconds and video_seconds do not go together",
        ),
        ("half,clock,label\nfirst,1:00,Goal\n", (), "line 2: 'half' is \"first\", no whole number"),
        ("label,clock,label\nGoal,1:00,Foul\n", (), "line 1: has two columns 'label'"),
        ('{"annotations": []}', ("--from", "osl"), "is not OSL JSON 1 or OSL JSON 2.0"),
        ("1.5,,Goal\nx\n", (), "line 2: is no segment"),
        ("hello", (), "is not JSON"),
        ("{}", ("--from", "llc"), "has no cutSegments"),
        (
            '{"video": "a", "half": 1, "position_ms": 1, "label": "x", "confidence": 1}\n'
            '{"video": "b", "half": 1, "position_ms": 1, "label": "x", "confidence": 1}',
            ("--to", "srt", "-q"),
            "there are moments of 2 videos (a, b), SRT is of one",
        ),
        (
            '{"video": "a", "half": 1, "position_ms": 1, "label": "x", "confidence": 1}\n'
            '{"video": "a", "half": 2, "position_ms": 1, "label": "x", "confidence": 1}',
            ("--to", "srt", "-q"),
            "a: has moments of several halves, and nothing says where those lie in the file",
        ),
    ],
)
def test_what_is_wrong_is_one_line(run, tmp_path, text, words, told):
    path = tmp_path / "in"
    path.write_text(text)
    status, out, err = run(main, path, *words)
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert told in err


def test_the_page_names_every_form():
    page = (Path(__file__).parents[2] / "docs" / "convert-spots.md").read_text()
    assert all(f"`{form}`" in page for form in (*INPUTS, *OUTPUTS))
