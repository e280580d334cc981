"""A match in one file: from its periods to frames, spots, a score and labels on both clocks."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from cli.evaluate import main as evaluate
from cli.extract_frames import main as extract_frames
from cli.finetune import main as finetune
from cli.nms import main as nms
from cli.spot import main as spot
from tests.conftest import SIZE

HALVES = ("--half", "2=0:18-", "--half", "1=0:02-0:13.5")
BREAK_MS = (13_500, 18_000)


@pytest.fixture
def match(tiny, tmp_path):
    return shutil.copy(tiny.video, tmp_path / "match.mkv")


@pytest.fixture
def spotted(run, tiny):
    """spotted(source, *words) -> the spots, with no threshold."""

    def call(source, *words):
        model = ("--model", tiny.spotter, "--device", "cpu", "--threshold", 0)
        status, out, err = run(spot, source, *model, *words)
        assert (status, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    return call


def test_spots_carry_both_clocks_and_none_lies_in_the_break(match, spotted):
    found = spotted(match, *HALVES)
    assert {one["half"] for one in found} == {1, 2}
    for one in found:
        assert one["video_ms"] - one["position_ms"] == {1: 2_000, 2: 18_000}[one["half"]]
        assert not BREAK_MS[0] <= one["video_ms"] < BREAK_MS[1]
    assert next(one["position_ms"] for one in found if one["half"] == 2) == 250


@pytest.mark.parametrize("form", ["intervals", "OSL"])
def test_periods_beside_the_video(match, spotted, tmp_path, form):
    intervals = [
        {"period": "1", "start_time_ms": 2_000, "end_time_ms": 13_500},
        {"period": "2", "start_time_ms": 18_000},
    ]
    record = {"inputs": [{"type": "video", "path": "x/match.mkv"}], "metadata": {"intervals": intervals}}
    content = {"intervals": intervals} if form == "intervals" else {"version": "2.0", "data": [record]}
    name = "match.mkv.periods.json" if form == "intervals" else "match.json"
    (tmp_path / name).write_text(json.dumps(content))
    assert spotted(match) == spotted(match, *HALVES)


def test_frames_of_periods_give_the_same_spots(run, match, spotted, tmp_path):
    words = (match, *HALVES, "-o", tmp_path / "frames", "--format", "raw", "--size", "{}x{}".format(*SIZE))
    status, out, _ = run(extract_frames, *words)
    folder = tmp_path / "frames" / "match"
    assert (status, out) == (0, f"{folder}/1.h5\n{folder}/2.h5\n")
    direct, through = spotted(match, *HALVES), spotted(folder)
    assert [{**one, "video": ""} for one in through] == [{**one, "video": ""} for one in direct]
    assert "2 of 2 files were there already" in run(extract_frames, *words)[2]
    other = (*words[:3], "--half", "1=0:02-0:12", *words[5:])
    assert "1 of 2 files were there already" in run(extract_frames, *other)[2]


@pytest.mark.parametrize("clock", ["match", "file"])
def test_labels_on_both_clocks_give_one_score(run, match, spotted, tmp_path, clock):
    """Goals at 0:05 of half 1 and 0:04 of half 2, which is 0:22 of the file."""
    times = [(1, 5_000, 7_000), (2, 4_000, 22_000)]
    labels = [
        {"half": half, "position_ms": own} if clock == "match" else {"video_ms": in_file}
        for half, own, in_file in times
    ]
    (tmp_path / "match.mkv.json").write_text(json.dumps([label | {"label": "Goal"} for label in labels]))
    spots = tmp_path / "spots.jsonl"
    goals = [one for one in spotted(match, *HALVES) if one["label"] == "Goal"]
    for one in goals:
        one["confidence"] = 0.9 if one["position_ms"] in (4_250, 5_250) else 0.1
    spots.write_text("".join(json.dumps(one) + "\n" for one in goals))
    status, out, err = run(evaluate, spots, "--classes", "Goal")
    assert status == 0, err
    assert 0.4 < json.loads(out)["metrics"]["tight"]["a_mAP"] <= 1
    assert run(nms, spots, "--hard")[0] == 0


def test_training_on_both_clocks_is_the_same(run, match, tiny, tmp_path):
    words = (match, *HALVES, "-o", tmp_path / "frames", "--size", "{}x{}".format(*SIZE), "-q")
    assert run(extract_frames, *words)[0] == 0
    clocks = {
        "match": [{"half": 1, "position_ms": 5_000}, {"half": 2, "position_ms": 4_000}],
        "file": [{"video_ms": 7_000}, {"video_ms": 22_000}],
        "wrong": [{"video_ms": 5_000}, {"video_ms": 22_000}],
    }
    found = {}
    for name, labels in clocks.items():
        path, out = tmp_path / f"{name}.json", tmp_path / f"{name}.safetensors"
        path.write_text(json.dumps([label | {"label": "Goal"} for label in labels]))
        more = [word for setting in SETTINGS for word in ("--set", setting)] + ["--device", "cpu", "-q"]
        line = (tmp_path / "frames", "--labels", path, "--init", tiny.distilled, "-o", out, *more)
        status, _, err = run(finetune, *line)
        assert status == 0, err
        found[name] = load_file(out)
    assert all(torch.equal(tensor, found["file"][key]) for key, tensor in found["match"].items())
    assert not all(torch.equal(tensor, found["wrong"][key]) for key, tensor in found["match"].items())


SETTINGS = (
    "classes=['Goal']",
    "head.epochs=0",
    "full.epochs=1",
    "full.batch_size=2",
    "windows_per_game=2",
    "spot.ignored_seconds=1",
)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--half", "1"), "--half: '1' is no PERIOD=START-END; write PERIOD=START-END, such as"),
        (("--half", "1=0-1:00", "--half", "2=2:00-"), "ends at 00:30, before period 2 begins at 02:00"),
    ],
)
def test_what_cannot_be_is_one_line(run, match, tiny, tmp_path, words, told):
    for main, more in ((spot, ("-m", tiny.spotter)), (extract_frames, ("-o", tmp_path / "out"))):
        status, _, err = run(main, match, *more, *words)
        assert told in err
        assert "Traceback" not in err
        assert status == 1


def test_periods_are_of_one_unnumbered_video(run, match, tiny):
    status, _, err = run(spot, match, match, "-m", tiny.spotter, *HALVES)
    assert "--half: tells where periods lie in one video, there are 2; write them beside each" in err
    status, _, err = run(spot, tiny.video, "-m", tiny.spotter, *HALVES)
    assert (status, "is half 1 by its name, and has periods; rename it" in err) == (1, True)
