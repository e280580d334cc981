"""draw-timeline as a command: what the page holds, that nothing breaks out of it; tests/pages uses it."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import simplejpeg

from cli.draw_timeline import main
from comedian.formats.scores import Scores, write_scores
from tests.make_video import encode, number_in, steady


def spot(seconds, label="Goal", half=1, confidence=0.5, video="L/S/A - B/{half}_x.mkv", **more) -> dict:
    name = video.format(half=half)
    return {"video": name, "half": half, "position_ms": round(1000 * seconds), "label": label} | {
        "confidence": confidence,
        **more,
    }


def put(folder: Path, *spots: dict) -> Path:
    path = folder / "spots.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in spots))
    return path


def data_of(page: Path) -> dict:
    text = page.read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_spots_alone(run, tmp_path):
    path = put(tmp_path, spot(10, confidence=0.9), spot(20, "Foul"), spot(5, half=2))
    assert run(main, path, "-o", tmp_path / "a.html") == (
        0,
        "",
        f"draw-timeline: {tmp_path}/a.html: open it in a browser\n",
    )
    data = data_of(tmp_path / "a.html")
    assert data["classes"] == ["Foul", "Goal"]
    assert data["game"] == "L/S/A - B"
    assert [half["number"] for half in data["halves"]] == [1, 2]
    assert sorted(data["items"]) == [
        [0, 10, 1, 0.9, "spot", False],
        [0, 20, 0, 0.5, "spot", False],
        [1, 5, 1, 0.5, "spot", False],
    ]
    text = (tmp_path / "a.html").read_text()
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<script") == 2


def test_labels_tell_hits_misses_and_false_alarms(run, tmp_path):
    labels = tmp_path / "labels.json"
    actions = [{"half": 1, "position_ms": 1000 * seconds, "label": "Goal"} for seconds in (11, 100)]
    labels.write_text(json.dumps(actions))
    path = put(tmp_path, spot(10, confidence=0.9), spot(300))
    assert run(main, path, "--labels", labels, "-o", tmp_path / "a.html", "-q") == (0, "", "")
    data = data_of(tmp_path / "a.html")
    assert {(item[1], item[4], item[5]) for item in data["items"]} == {
        (11, "hit", True),
        (100, "miss", True),
        (300, "false alarm", False),
    }
    assert data["about"] == "3 moments, 2 labels"
    run(main, path, "--labels", labels, "--tolerance", 1, "-o", tmp_path / "a.html", "-q")
    assert [item[4] for item in data_of(tmp_path / "a.html")["items"]].count("miss") == 2


def test_scores_are_lanes(run, tmp_path):
    probabilities = np.random.default_rng(0).random((5400, 3), np.float32)
    half = Scores("L/S/A - B/1_x.mkv", 1, np.arange(5400) + 0.25, probabilities)
    write_scores(tmp_path / "s.h5", [half], ("Goal", "Corner", "Foul"), "{}")
    assert (
        run(main, put(tmp_path, spot(10)), "--scores", tmp_path / "s.h5", "-o", tmp_path / "a.html")[0] == 0
    )
    data = data_of(tmp_path / "a.html")
    assert data["classes"] == ["Corner", "Foul", "Goal"]
    found = np.frombuffer(base64.b64decode(data["halves"][0]["scores"]), np.uint8).reshape(-1, 3)
    assert np.abs(found[:, [2, 0, 1]] / 255 - probabilities).max() <= 0.5 / 255 + 1e-6
    assert data["halves"][0]["length"] == 5399.25


def test_ninety_minutes_of_17_classes_stay_small(run, tmp_path):
    names = tuple(f"class {number}" for number in range(17))
    rng = np.random.default_rng(0)
    halves = [
        Scores(f"L/S/G/{half}_x.mkv", half, np.arange(2700) + 0.25, rng.random((2700, 17), np.float32))
        for half in (1, 2)
    ]
    write_scores(tmp_path / "s.h5", halves, names, "{}")
    times = rng.integers(0, 2700, 20_000).tolist()
    spots = [
        spot(int(at), names[at % 17], 1 + at % 2, float(at) / 2700, "L/S/G/{half}_x.mkv") for at in times
    ]
    run(main, put(tmp_path, *spots), "--scores", tmp_path / "s.h5", "-o", tmp_path / "a.html", "-q")
    assert (tmp_path / "a.html").stat().st_size < 1_000_000
    assert data_of(tmp_path / "a.html")["about"] == "4000 of 20000 moments"


def test_several_matches_want_a_folder(run, tmp_path):
    path = put(tmp_path, spot(1, video="L/S/A/{half}_x.mkv"), spot(2, video="L/S/B/{half}_x.mkv"))
    assert "there are 2 matches; name a folder: -o pages/" in run(main, path, "-o", tmp_path / "a.html")[2]
    assert run(main, path, "-o", f"{tmp_path}/pages/", "-q") == (0, "", "")
    assert sorted(page.name for page in (tmp_path / "pages").iterdir()) == ["L_S_A.html", "L_S_B.html"]


def test_nothing_breaks_out_of_the_page(run, tmp_path):
    odd = "</script><script>alert(1)</script>"
    path = put(tmp_path, spot(1, odd, video="L/S/<b>&/{half}_x.mkv"))
    run(main, path, "-o", tmp_path / "a.html", "-q")
    text = (tmp_path / "a.html").read_text()
    assert text.count("<script") == 2
    assert "<b>" not in text
    assert data_of(tmp_path / "a.html")["classes"] == [odd]


def test_a_match_in_one_file_and_its_video(run, tmp_path):
    (tmp_path / "m ä.mkv").write_bytes(b"x")
    video = str(tmp_path / "m ä.mkv")
    path = put(
        tmp_path,
        spot(1, video=video, video_ms=31_000),
        spot(2, half=2, video=video, video_ms=3_727_000),
    )
    run(main, path, "-o", tmp_path / "a.html", "-q")
    halves = data_of(tmp_path / "a.html")["halves"]
    assert [(half["start"], half["src"]) for half in halves] == [
        (30, "m ä.mkv"),
        (3725, "m ä.mkv"),
    ]


def pictures_of(page: Path) -> dict[tuple[int, float], int]:
    """By half and seconds of a moment the number that its thumbnail shows."""
    items = [item for item in data_of(page)["items"] if len(item) > 6]
    blobs = {(item[0], item[1]): base64.b64decode(item[6]) for item in items}
    return {place: number_in(simplejpeg.decode_jpeg(blob)) for place, blob in blobs.items()}


def test_thumbnails_show_their_moments(run, tmp_path):
    """Labels first, then the surest; both halves of one file, whose periods stand beside it."""
    video = encode(tmp_path / "m.mkv", steady(500))
    intervals = [("1", 2000, 9000), ("2", 12000, 20000)]
    keys = ("period", "start_time_ms", "end_time_ms")
    periods = {"intervals": [dict(zip(keys, one, strict=True)) for one in intervals]}
    (tmp_path / "m.mkv.periods.json").write_text(json.dumps(periods))
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([{"half": 1, "position_ms": 6000, "label": "Goal"}]))
    found = [(1, 1, 0.9), (2, 3, 0.8), (2, 5, 0.1)]
    path = put(
        tmp_path, *(spot(at, half=half, confidence=sure, video=str(video)) for half, at, sure in found)
    )
    words = [path, "--labels", labels, "--thumbnails", 3, "-o", tmp_path / "a.html", "--tolerance", 1]
    status, _, err = run(main, *words)
    assert status == 0
    told = re.search(r"a.html: 3 thumbnails, (\d+) of (\d+) kB; open it in a browser\n", err)
    blobs = sum(len(item[6]) for item in data_of(tmp_path / "a.html")["items"] if len(item) > 6)
    assert int(told[1]) == round(blobs / 1000)
    assert int(told[2]) == round((tmp_path / "a.html").stat().st_size / 1000)
    assert pictures_of(tmp_path / "a.html") == {(0, 1): 75, (0, 6): 200, (1, 3): 375}
    assert [half["start"] for half in data_of(tmp_path / "a.html")["halves"]] == [2, 12]


def test_thumbnails_without_a_video_and_past_its_end(run, tmp_path):
    encode(tmp_path / "1_m.mkv", steady(50))
    halves = f"{tmp_path}/{{half}}_m.mkv"
    path = put(tmp_path, spot(1, video=halves), spot(70, video=halves), spot(1, half=2, video=halves))
    err = run(main, path, "--thumbnails", 9, "-o", tmp_path / "a.html")[2]
    assert f"no thumbnails of {tmp_path}/2_m.mkv: no such video; name it with --video\n" in err
    assert "1 of 2 moments lie past the end of their video, and have no thumbnail\n" in err
    assert list(pictures_of(tmp_path / "a.html").values()) == [25]
    run(main, path, "-o", tmp_path / "a.html", "-q")
    assert not pictures_of(tmp_path / "a.html")
    (tmp_path / "1_m.mkv").write_text("words")
    status, _, err = run(main, path, "--thumbnails", 9, "-o", tmp_path / "b.html")
    assert (status, (tmp_path / "b.html").exists()) == (1, False)
    assert "1_m.mkv: is not a video" in err


def test_no_spot_is_no_page(run, tmp_path):
    status, out, err = run(main, put(tmp_path), "-o", tmp_path / "a.html")
    assert (status, out, err) == (0, "", "draw-timeline: no spot and no score: nothing to draw\n")
    assert not (tmp_path / "a.html").exists()
