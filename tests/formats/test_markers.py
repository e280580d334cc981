"""Editors' forms: odd labels and numbers, what other programs write, hostile files."""

import json
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from comedian.errors import InputError
from comedian.formats.convert import OUTPUTS, Ways, of_text, remarks
from comedian.formats.moments import one_line


def test_sportscode_keeps_confidence_and_team():
    one = {"video": "m.mkv", "half": 1, "position_ms": 1500, "label": "Goal", "confidence": 0.125}
    moments = [one | {"team": "home"}, one | {"label": "Foul"}]
    found = of_text(OUTPUTS["sportscode"].write(moments, Ways()), "x")
    assert [(one["confidence"], one.get("team")) for one in found] == [(0.125, "home"), (0.125, None)]


LABELS_OF_ANY_KIND = [
    "'a' b, {c: d}",
    'it\'s "q"',
    "a,],}",
    "two\nlines",
    "x\u2028y",
    "ctl\x01z",
    " ",
    "// no /* x",
]


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not here")
@pytest.mark.parametrize("form", ["srt", "webvtt"])
def test_ffmpeg_reads_captions(form, tmp_path):
    times = (40, 1500, 3_725_500)
    moments = [{"video": "m", "half": 1, "position_ms": time, "label": "a <b> & --> c"} for time in times]
    path = tmp_path / {"srt": "x.srt", "webvtt": "x.vtt"}[form]
    path.write_text(OUTPUTS[form].write(moments, Ways()))
    words = ["ffprobe", "-v", "error", "-show_packets", "-of", "json", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = [round(1000 * float(one["pts_time"])) for one in json.loads(done.stdout)["packets"]]
    assert (done.stderr, found) == ("", list(times))


@pytest.mark.parametrize("form", [form for form, output in OUTPUTS.items() if output.of_file])
def test_no_label_breaks_a_form(form, tmp_path):
    moments = [
        {"video": "m.mkv", "half": 1, "position_ms": 20_000 * number, "label": label}
        for number, label in enumerate(LABELS_OF_ANY_KIND, 1)
    ]
    text = OUTPUTS[form].write(moments, Ways())
    odd = [label for label in LABELS_OF_ANY_KIND if one_line(label) != label]
    assert f"{len(odd)} labels are written in one line of letters" in " ".join(
        remarks(moments, form, Ways())
    )
    if form in ("sportscode", "losslesscut", "llc"):
        found = of_text(text, "x", form)
        assert [one["label"] for one in found] == [one_line(label) for label in LABELS_OF_ANY_KIND]
    elif form == "fcpxml":
        markers = [one.get("value") for one in ElementTree.fromstring(text).iter("marker")]
        assert markers == [one_line(label) for label in LABELS_OF_ANY_KIND]


def test_a_project_as_losslesscut_writes_it():
    text = """{
      // a comment, with 'quotes'
      version: 1, mediaFileName: 'it\\'s.mp4', /* another */
      cutSegments: [{start: 1.5, end: 3, name: 'Goal, {x: y}\\u0041\\n', tags: {a: 'b'},},
        {start: 4, name: "it's",},],
    }"""
    found = of_text(text, "x")
    assert [(one["video"], one["position_ms"], one["label"]) for one in found] == [
        ("it's.mp4", 1500, "Goal, {x: y}A\n"),
        ("it's.mp4", 4000, "it's"),
    ]


@pytest.mark.parametrize(
    ("start", "position_ms"),
    [
        ("1.8600000143051147", 1860),
        ("9.5367e-07", 0),
        (" 1234567.5\n", 1_234_567_500),
        ("1:02:05.5", 3_725_500),
    ],
)
def test_numbers_as_programs_write_them(start, position_ms):
    instance = f"<instance><start>{start}</start><code>x</code></instance>"
    text = f"<file><ALL_INSTANCES>{instance}</ALL_INSTANCES></file>"
    assert of_text(text, "x")[0]["position_ms"] == position_ms
    if "e" not in start:
        assert of_text(f"seconds,label\n{start.strip()},x\n", "x")[0]["position_ms"] == position_ms


@pytest.mark.parametrize(
    "text",
    [
        "label,clock," + "x" * 200_000 + "\nGoal,1,1\n",
        "1,," + "x" * 200_000,
        "{cutSegments: [1," + "/**/" * 2000 + "x",
        "9" * 400 + ",,x",
        "<file><ALL_INSTANCES>" + "<a>" * 10_000,
    ],
)
def test_hostile_files_are_one_line_at_once(text):
    with pytest.raises(InputError):
        of_text(text, "x")


def test_television_counts_30_frames_in_30000_of_1001():
    moments = [{"video": "m.mkv", "half": 1, "position_ms": 1_001_000, "label": "Goal"}]
    assert " 01:16:40:00 " in OUTPUTS["edl"].write(moments, Ways(fps=29.97))  # 30,000 frames
    assert 'frameDuration="1001/30000s"' in OUTPUTS["fcpxml"].write(moments, Ways(fps=29.97))


def test_youtubes_chapters_are_apart():
    times = (4, 15, 20, 3605, 3700)
    moments = [{"video": "m.mkv", "half": 1, "position_ms": 1000 * at, "label": f"at {at}"} for at in times]
    assert OUTPUTS["youtube"].write(moments, Ways()) == (
        "0:00 Start\n0:15 at 15\n1:00:05 at 3605\n1:01:40 at 3700\n"
    )
