"""nms as a command: streams, files, errors."""

import itertools
import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cli.nms import main
from comedian.formats.soccernet import read_soccernet
from comedian.spotting.suppress import suppress

NMS = [sys.executable, str(Path(__file__).resolve().parents[2] / "bin" / "nms")]


def spot(position_ms, confidence, label="Goal", half=1):
    video = f"a/b/c d/{half}_224p.mkv"
    keys = ("video", "half", "position_ms", "label", "confidence")
    return dict(zip(keys, (video, half, position_ms, label, confidence), strict=True))


SPOTS = [
    spot(500 * frame, round(0.1 + (frame * 37 % 50) / 60, 3), label, half)
    for half in (1, 2)
    for frame in range(60)
    for label in ("Goal", "Foul")
]


def lines(spots) -> str:
    return "".join(json.dumps(one) + "\n" for one in spots)


@pytest.fixture
def run(capsys):
    def call(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "spots.jsonl"
    path.write_text(lines(SPOTS))
    return path


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ([], ("soft",)),
        (["--soft", "--window", 12], ("soft", 12)),
        (["--hard"], ("hard",)),
        (["--peak", "--threshold", 0.5], ("peak", None, None, 0.5)),
        (["--hard", "--window", 3, "--window-for", "Foul=20"], ("hard", 3, {"Foul": 20})),
    ],
)
def test_options_reach_the_library(run, file, options, arguments):
    status, out, err = run(file, *options)
    assert (status, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == list(suppress(SPOTS, *arguments))


def test_standard_input_is_the_default():
    expected = lines(suppress(SPOTS))
    for arguments in ([], ["-"]):
        done = subprocess.run([*NMS, *arguments], input=lines(SPOTS), capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


@pytest.mark.parametrize("name", ["results", "results.zip"])
def test_soccernet_out_and_in(run, file, tmp_path, name):
    target = tmp_path / name
    assert run(file, "--to", "soccernet", "-o", target) == (0, "", "")
    kept = list(suppress(SPOTS))
    read = list(read_soccernet(target))
    assert [one | {"video": 0} for one in read] == [one | {"video": 0} for one in kept]
    status, out, _ = run(target, "--hard")
    assert status == 0
    assert [json.loads(line) for line in out.splitlines()] == list(suppress(read, "hard"))


def test_each_half_is_out_as_soon_as_the_next_begins_and_ctrl_c_is_130():
    process = subprocess.Popen(NMS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = list(suppress(SPOTS[:120]))
    process.stdin.write(lines(SPOTS[:121]).encode())
    process.stdin.flush()
    assert [json.loads(process.stdout.readline()) for _ in first] == first
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, b"", b"nms: interrupted\n")


def test_a_closed_pipe_ends_quietly(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text(lines(spot(10_000 * number, 0.5) for number in range(20_000)))
    process = subprocess.Popen([*NMS, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["position_ms"] == 0
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "no such file"),
        (b"\x1aE\xdf\xa3\x00\xff", "is not a text file"),
        (lines(SPOTS).encode()[:-20], "spots.jsonl:240: is not JSON, or cut short"),
        (lines([SPOTS[0], SPOTS[-1], SPOTS[0]]).encode(), "sort the lines first"),
        (b'{"half": 1}\n', "spots.jsonl:1: has no 'video'"),
    ],
)
@pytest.mark.parametrize("existing", [False, True])
def test_bad_input_is_one_line_and_leaves_the_output_alone(run, tmp_path, content, what, existing):
    path, output = tmp_path / "spots.jsonl", tmp_path / "out.jsonl"
    if content is not None:
        path.write_bytes(content)
    if existing:
        output.write_text("old")
    status, out, err = run(path, "-o", output)
    assert (status, out) == (1, "")
    assert what in err
    assert ";" in err, "a remedy"
    assert err.startswith("nms: ")
    assert err.count("\n") == 1
    left = {file.name for file in tmp_path.iterdir()} - {"spots.jsonl"}
    assert left == ({"out.jsonl"} if existing else set())
    assert not existing or output.read_text() == "old"


@pytest.mark.parametrize("name", ["results", "results.zip"])
def test_bad_input_leaves_no_results(run, file, tmp_path, name):
    file.write_text(lines(SPOTS)[:-20])
    assert run(file, "--to", "soccernet", "-o", tmp_path / name)[0] == 1
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "options",
    [
        ["--soft", "--hard"],
        ["--window", -1],
        ["--window-for", "Goal"],
        ["--window-for", "Goal=x"],
        ["--window-for", "Goal=-1"],
        ["--to", "csv"],
        ["--to", "soccernet"],
    ],
)
def test_wrong_command_lines_are_status_2(run, file, options):
    status, out, err = run(file, *options)
    assert (status, out) == (2, "")
    assert "Error" in err


def test_a_label_nobody_has_is_said(run, file):
    status, _, err = run(file, "--window-for", "Gaol=3", "--window-for", "Goal=3")
    assert (status, err) == (0, "nms: --window-for Gaol: no spot has this label\n")


def test_nothing_in_is_nothing_out(run, tmp_path):
    (tmp_path / "empty.jsonl").touch()
    assert run(tmp_path / "empty.jsonl") == (0, "", "")
    assert run(tmp_path / "empty.jsonl", "--to", "soccernet", "-o", tmp_path / "x.zip") == (0, "", "")
    assert zipfile.ZipFile(tmp_path / "x.zip").namelist() == []


def test_games_that_keep_nothing_stay_in_soccernets_results(run, tmp_path):
    """Whether they came in with spots or, in results, without."""
    spots = [spot(1000, 0.5) | {"video": f"l/s/{game}/224p.mp4", "team": "left"} for game in "ab"]
    (tmp_path / "spots.jsonl").write_text(lines([spots[0] | {"confidence": 1e-6}, spots[1]]))
    assert run(tmp_path / "spots.jsonl", "--to", "soccernet", "-o", tmp_path / "r.zip") == (0, "", "")
    assert run(tmp_path / "r.zip", "--to", "soccernet", "-o", tmp_path / "r") == (0, "", "")
    records = {
        game: json.loads((tmp_path / f"r/l/s/{game}/results_spotting.json").read_text()) for game in "ab"
    }
    assert records["a"] == {"UrlLocal": "l/s/a", "predictions": []}
    assert [one["team"] for one in records["b"]["predictions"]] == ["left"]


@pytest.mark.parametrize("method", ["--soft", "--hard", "--peak"])
@pytest.mark.parametrize("value", ["1e999", "Infinity", "-Infinity", "NaN", '"nan"'])
def test_confidences_that_nothing_can_rank_are_refused(run, tmp_path, value, method):
    """Soft suppression of infinity went on for ever."""
    text = lines([spot(1000, 0.5), spot(1000, 0.25), spot(2000, 0.5)]).replace("0.25", value)
    (tmp_path / "spots.jsonl").write_text(text)
    status, out, err = run(tmp_path / "spots.jsonl", method)
    assert (status, out) == (1, "")
    assert "the confidence of 'Goal' at 1000 ms in half 1 of" in err
    assert err.count("\n") == 1


def test_confidences_that_are_no_fractions_are_said(run, tmp_path):
    (tmp_path / "spots.jsonl").write_text(lines([spot(1000, -2.2), spot(60_000, 90)]))
    status, out, err = run(tmp_path / "spots.jsonl")
    assert (status, out.count("\n")) == (0, 1)
    assert err.startswith("nms: 2 confidences lie outside 0…1 (-2.2 to 90); --threshold and evaluate take")


def test_spots_do_not_go_over_results_in_a_folder(run, file, tmp_path):
    assert run(file, "--to", "soccernet", "-o", tmp_path / "r")[0] == 0
    results = next((tmp_path / "r").rglob("results_spotting.json"))
    before = results.read_bytes()
    status, out, err = run(tmp_path / "r", "-o", results)
    assert (status, out) == (1, "")
    assert "results_spotting.json: is also an input" in err
    assert results.read_bytes() == before


def test_a_list_for_people(run, file):
    """In order of time; of the best, those first."""
    status, out, err = run(file, "--hard", "--table")
    rows = out.splitlines()
    kept = [json.loads(line) for line in run(file, "--hard")[1].splitlines()]
    halves = {one["video"] for one in kept}
    assert (status, err, len(rows)) == (0, "", len(kept) + 2 * len(halves))
    assert rows[0] == "a/b/c d/1_224p.mkv"
    assert rows[1].split() == ["half", "clock", "label", "confidence"]
    seconds = kept[0]["position_ms"] // 1000
    assert rows[2].split() == ["1", f"00:{seconds:02}", kept[0]["label"], f"{kept[0]['confidence']:.2f}"]
    top = [line.split()[-1] for line in run(file, "--hard", "--table", "--top", 5)[1].splitlines()]
    found = [float(text) for text in top if text[0] == "0"]
    assert len(found) == 5
    assert found == sorted(found, reverse=True)
    assert run(file, "--top", 5, "--table", "--to", "soccernet", "-o", "x.zip")[0] == 2


def test_the_best_in_order_of_time(run, file):
    everything = [json.loads(line) for line in run(file, "--hard")[1].splitlines()]
    found = [json.loads(line) for line in run(file, "--hard", "--top", 7)[1].splitlines()]
    least = sorted((one["confidence"] for one in everything), reverse=True)[6]
    assert len(found) == 7
    assert min(one["confidence"] for one in found) == least
    assert found == [one for one in everything if one in found]


@pytest.mark.parametrize("gap", [2, 5])
def test_the_least_gap(run, file, gap):
    found = [json.loads(line) for line in run(file, "--soft", "--min-gap", gap)[1].splitlines()]
    assert found
    for one in found:
        near = [other for other in found if (other["half"], other["label"]) == (one["half"], one["label"])]
        times = sorted(other["position_ms"] for other in near)
        assert all(later - earlier > 1000 * gap for earlier, later in itertools.pairwise(times))


def test_a_table_tells_the_clock_of_a_file_with_several_halves(run, tmp_path):
    (tmp_path / "s.jsonl").write_text(
        json.dumps(spot(65_250, 0.5, half=2) | {"video": "m.mkv", "video_ms": 3_790_250})
    )
    assert run(tmp_path / "s.jsonl", "--table")[1].splitlines() == [
        "m.mkv",
        "half  clock  label  confidence  in the file",
        "   2  01:05  Goal         0.50  1:03:10.250",
    ]
    (tmp_path / "s.jsonl").write_text("")
    assert run(tmp_path / "s.jsonl", "--table") == (0, "", "")


SETTINGS = """[default]
kind = "hard"
window_seconds = 4.0
[classes."Ball out of play"]
kind = "soft"
window_seconds = 12.0
[classes.Foul]
threshold = 0.9
"""


def test_settings_say_how_each_label_is_suppressed(run, tmp_path):
    """As if each label had gone through nms by itself."""
    spots = [
        spot(1000 * at, (at * 7 % 10) / 10 + 0.05) | {"label": label}
        for at in range(0, 60, 1)
        for label in ("Goal", "Ball out of play", "Foul")
    ]
    ways = {
        "Goal": ["--hard", "--window", 4],
        "Ball out of play": ["--soft", "--window", 12],
        "Foul": ["--hard", "--window", 4, "--threshold", 0.9],
    }
    expected = []
    for label, options in ways.items():
        (tmp_path / "one.jsonl").write_text(lines([one for one in spots if one["label"] == label]))
        expected += run(tmp_path / "one.jsonl", *options)[1].splitlines()
    (tmp_path / "spots.jsonl").write_text(lines(spots))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    status, out, err = run(tmp_path / "spots.jsonl", "--settings", tmp_path / "settings.toml")
    assert (status, err) == (0, "")
    assert sorted(out.splitlines()) == sorted(expected)
    assert len(expected) < len(spots)
    status, least, _ = run(
        tmp_path / "spots.jsonl", "--settings", tmp_path / "settings.toml", "--threshold", 0.5
    )
    kept = [line for line in out.splitlines() if json.loads(line)["confidence"] >= 0.5]
    assert (status, [line for line in least.splitlines() if "Ball" not in line]) == (
        0,
        [line for line in kept if "Ball" not in line],
    )


@pytest.mark.parametrize("options", [["--soft"], ["--hard"], ["--window", 3], ["--window-for", "Goal=3"]])
def test_settings_and_options_that_say_the_same_are_refused(run, file, tmp_path, options):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    status, out, err = run(file, "--settings", tmp_path / "settings.toml", *options)
    assert (status, out) == (2, "")
    assert "give one of them" in err


def test_bad_settings_are_one_line(run, file, tmp_path):
    (tmp_path / "settings.toml").write_text("[default]\nkind = 3")
    status, out, err = run(file, "--settings", tmp_path / "settings.toml")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "settings.toml: default: kind must be" in err


def test_thresholds_by_what_they_are_worth(run, file, judged):
    status, out, err = run(file, "--hard", "--precision", 0.9, "--model", judged)
    everything = [json.loads(line) for line in run(file, "--hard")[1].splitlines()]
    expected = [one for one in everything if one["label"] == "Goal" and one["confidence"] >= 0.6]
    assert (status, [json.loads(line) for line in out.splitlines()]) == (0, expected)
    assert expected
    assert err == (
        "nms: right 90% of the time after --soft --window 10, which finds of all: "
        "Goal 0.50 (from 0.60 on)\n"
        "nms: never so sure, left out: Foul\n"
    )


def test_a_spotter_without_precision_has_no_effect(run, file, judged):
    expected = run(file, "--hard")[1]
    said = "nms: --model has no effect without --precision\n"
    assert run(file, "--hard", "--model", judged) == (0, expected, said)


def test_precision_needs_a_spotter_that_was_validated(run, file, tiny, monkeypatch):
    monkeypatch.delenv("COMEDIAN_MODEL", raising=False)
    for words, told in (
        ((), "--precision: no spotter was named; name it with --model"),
        (
            ("--model", tiny.spotter),
            "was trained without validation, so that nobody knows its precision",
        ),
        (("--model", "nowhere"), "nowhere: no such"),
    ):
        status, out, err = run(file, "--precision", 0.5, *words)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert told in err
