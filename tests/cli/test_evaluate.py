"""evaluate as a command: what it reads, prints and refuses."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli.evaluate import main
from cli.nms import main as nms
from comedian.evaluation.cells import GameResult
from comedian.evaluation.metrics import METRICS
from comedian.evaluation.metrics import evaluate as score
from comedian.formats.labels import read_labels
from comedian.formats.soccernet import write_soccernet
from comedian.recipes.model import SOCCERNET_CLASSES

ROOT = Path(__file__).resolve().parents[2]
MATCHES = ROOT / "tests/data/matches"
EVALUATE = [sys.executable, str(ROOT / "bin" / "evaluate")]
GAMES = sorted(path.parent for path in MATCHES.rglob("Labels-v2.json"))


def spots_of(game: Path) -> list[dict]:
    """Spots near most of a game's actions, and some that are wrong."""
    found = []
    for number, action in enumerate(read_labels(game / "Labels-v2.json")):
        if number % 4:
            shift_ms = 700 * (number % 3) - 500 + 20_000 * (number % 5 == 0)
            found.append(
                {
                    "video": f"{game}/{action.half}_224p.mkv",
                    "half": action.half,
                    "position_ms": max(action.position_ms + shift_ms, 0),
                    "label": action.label,
                    "confidence": 0.3 + number % 7 / 10,
                }
            )
    return sorted(found, key=lambda spot: spot["half"])


SPOTS = [spot for game in GAMES for spot in spots_of(game)]
RESULTS = [GameResult(game.name, read_labels(game / "Labels-v2.json"), spots_of(game)) for game in GAMES]


def lines(spots) -> str:
    return "".join(json.dumps(spot) + "\n" for spot in spots)


@pytest.fixture
def run(capsys):
    def call(*arguments, command=main) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            command([str(argument) for argument in arguments])
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "spots.jsonl"
    path.write_text(lines(SPOTS))
    return path


def test_json_in_the_official_shape(run, file):
    status, out, err = run(file, "--metrics", "tight,loose,at1,at2,at3,at4,at5")
    assert status == 0
    result, expected = json.loads(out), score(RESULTS, SOCCERNET_CLASSES, tuple(METRICS))
    assert result["metrics"] == expected["metrics"]
    assert [result[key] for key in ("n_games", "framerate", "classes")] == [
        3,
        2,
        list(SOCCERNET_CLASSES),
    ]
    assert 0 < result["metrics"]["tight"]["a_mAP"] < result["metrics"]["loose"]["a_mAP"]
    assert [f"evaluate: {warning}" for warning in result["warnings"]] == err.splitlines()
    assert run(file, "--quiet")[2] == ""


def test_standard_input_is_the_default():
    done = subprocess.run(EVALUATE, input=lines(SPOTS), capture_output=True, text=True)
    assert done.returncode == 0
    assert json.loads(done.stdout)["metrics"] == score(RESULTS)["metrics"]


@pytest.mark.parametrize("name", ["results", "results.zip"])
def test_from_nms_through_soccernet(run, file, tmp_path, name):
    """nms --to soccernet and nms | evaluate give the same score."""
    kept, target = tmp_path / "kept.jsonl", tmp_path / name
    assert run(file, "-o", kept, command=nms)[0] == 0
    assert run(file, "--to", "soccernet", "-o", target, command=nms)[0] == 0
    direct = json.loads(run(kept, "--metrics", "tight,loose")[1])
    through = json.loads(run(target, "--labels", MATCHES, "--metrics", "tight,loose")[1])
    assert through["metrics"] == direct["metrics"]


def test_other_frame_rates_and_classes(run, file, tmp_path):
    out = json.loads(run(file, "--framerate", 25, "--classes", "Goal,Foul")[1])
    assert out["metrics"] == score(RESULTS, ("Goal", "Foul"), framerate=25)["metrics"]
    (tmp_path / "class.txt").write_text("Goal\nFoul\n")
    status, same, err = run(file, "--framerate", 25, "--classes", tmp_path / "class.txt")
    assert (status, json.loads(same)) == (0, out)
    assert "labels outside the classes do not count" in err


def test_a_list_counts_missed_games(run, tmp_path):
    path = tmp_path / "some.jsonl"
    path.write_text(lines(spots_of(GAMES[0])))
    (tmp_path / "games.txt").write_text("".join(f"{game.relative_to(MATCHES)}\n" for game in GAMES[:2]))
    alone = json.loads(run(path, "--labels", MATCHES)[1])
    status, out, err = run(path, "--labels", MATCHES, "--games", tmp_path / "games.txt")
    listed = json.loads(out)
    assert (status, alone["n_games"], listed["n_games"]) == (0, 1, 2)
    assert "2 games of" in "".join(alone["warnings"])
    assert f"1 game with labels but no spot, counted as missed: {GAMES[1].relative_to(MATCHES)}" in err
    assert listed["metrics"]["tight"]["a_mAP"] < alone["metrics"]["tight"]["a_mAP"]


def test_a_half_without_spots_is_said(run, tmp_path):
    path = tmp_path / "some.jsonl"
    path.write_text(lines(spot for spot in spots_of(GAMES[0]) if spot["half"] == 1))
    assert "1 half with labels but no spot, counted as missed: half 2 of" in run(path)[2]


def test_a_single_video_with_its_own_labels(run, tmp_path):
    labels = [{"half": 1, "position_ms": 1000 * at, "label": "Serve"} for at in (3, 9)]
    (tmp_path / "final.mp4.json").write_text(lines(labels))
    spots = [label | {"video": str(tmp_path / "final.mp4"), "confidence": 1.0} for label in labels]
    (tmp_path / "spots.jsonl").write_text(lines(spots))
    status, out, err = run(tmp_path / "spots.jsonl", "--classes", "Serve")
    assert (status, json.loads(out)["metrics"]["tight"]["a_mAP"], err) == (0, 1.0, "")


def test_table_with_chance(run, file, tmp_path):
    status, out, _ = run(file, "--table", "--chance", 3, "--metrics", "tight,loose")
    assert status == 0
    rows = out.splitlines()
    assert rows[0].split() == ["class", "labels", "unshown", "tight", "chance", "loose", "chance"]
    expected = score(RESULTS)["metrics"]["tight"]["a_mAP"]
    mean = next(row for row in rows if row.startswith("mean of 17 classes"))
    assert mean.split()[4] == f"{expected:.4f}"
    assert 0 < float(mean.split()[5]) < expected
    data = json.loads(run(file, "--chance", 3)[1])["chance"]
    assert data["draws"] == 3
    assert mean.split()[5] == f"{data['metrics']['tight']['a_mAP']:.4f}"
    run(file, "--table", "-o", tmp_path / "table.txt")
    assert (tmp_path / "table.txt").read_text().startswith("class")


@pytest.mark.parametrize(
    ("content", "options", "what"),
    [
        (None, [], "spots.jsonl: no such file"),
        (b"\x1aE\xdf\xa3\x00\xff", [], "spots.jsonl: is not a text file"),
        (lines(SPOTS).encode()[:-20], [], f"spots.jsonl:{len(SPOTS)}: is not JSON, or cut short"),
        (lines(SPOTS).encode(), ["--labels", "nowhere"], "nowhere: no such file or folder"),
        (lines(SPOTS).encode(), ["--labels", "empty.json"], "empty.json: is empty"),
        (lines(SPOTS).encode(), ["--games", "empty.json"], "empty.json: names no game"),
        (lines(SPOTS).encode(), ["--games", "nowhere"], "nowhere: no such file"),
        (lines(SPOTS).encode(), ["--classes", ","], "names no class"),
        (lines(SPOTS).encode(), ["--labels", "-"], "cannot go through a pipe"),
    ],
)
def test_bad_input_is_one_line_and_leaves_the_output_alone(
    run, tmp_path, monkeypatch, content, options, what
):
    monkeypatch.chdir(tmp_path)
    Path("empty.json").touch()
    Path("out.json").write_text("old")
    if content is not None:
        Path("spots.jsonl").write_bytes(content)
    before = set(tmp_path.iterdir())
    status, out, err = run("spots.jsonl", *options, "-o", "out.json")
    assert (status, out) == (1, "")
    assert what in err
    assert ";" in err, "a remedy"
    assert err.startswith("evaluate: ")
    assert err.count("\n") == 1
    assert set(tmp_path.iterdir()) == before
    assert Path("out.json").read_text() == "old"


@pytest.mark.parametrize("options", [["--metrics", "tigth"], ["--framerate", 0], ["--chance", 0]])
def test_wrong_command_lines_are_status_2(run, file, options):
    assert run(file, *options)[:2] == (2, "")


def test_a_closed_pipe_ends_quietly(file):
    process = subprocess.Popen([*EVALUATE, "-q", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == b""


def test_results_with_an_empty_game(run, tmp_path):
    """Officially a game without predictions is an error; here it is missed, and said."""
    write_soccernet(spots_of(GAMES[0]), tmp_path / "results")
    empty = tmp_path / "results" / GAMES[1].relative_to(MATCHES)
    empty.mkdir(parents=True)
    (empty / "results_spotting.json").write_text('{"predictions": []}')
    status, out, err = run(tmp_path / "results", "--labels", MATCHES)
    assert (status, json.loads(out)["n_games"]) == (0, 2)
    assert "1 game with labels but no spot" in err


@pytest.mark.parametrize("where", ["beside", "folder"])
def test_scores_do_not_go_over_the_labels_that_were_found(run, tmp_path, where):
    labels = tmp_path / "g" / "Labels-v2.json"
    labels.parent.mkdir()
    labels.write_text('{"annotations": []}')
    spots = tmp_path / "spots.jsonl"
    spots.write_text(
        lines([spot | {"video": str(tmp_path / "g/1_224p.mkv")} for spot in spots_of(GAMES[0])[:1]])
    )
    (tmp_path / "link.json").hardlink_to(labels)
    given = [] if where == "beside" else ["--labels", tmp_path / "g"]
    for output in (labels, tmp_path / "link.json"):
        status, out, err = run(spots, *given, "-o", output)
        assert (status, out) == (1, "")
        assert "is also an input" in err
    assert labels.read_text() == '{"annotations": []}'


def test_scores_may_be_written_again_beside_labels(run, tmp_path):
    """They are JSON in the folder of labels, but no labels of these videos."""
    (tmp_path / "g.json").write_text('{"half": 1, "position_ms": 0, "label": "Goal"}')
    (tmp_path / "spots.jsonl").write_text(lines([SPOTS[0] | {"video": "g.mkv", "half": 1}]))
    for _ in range(2):
        assert run(tmp_path / "spots.jsonl", "--labels", tmp_path, "-o", tmp_path / "s.json")[0] == 0
    assert run(tmp_path / "spots.jsonl", "--labels", tmp_path, "-o", tmp_path / "g.json")[0] == 1


def test_labels_in_a_folder_are_safe_before_spots_are_read(run, tmp_path):
    (tmp_path / "g").mkdir()
    (tmp_path / "g/Labels-v2.json").write_text('{"annotations": []}')
    (tmp_path / "spots.jsonl").write_text("no spots")
    _, _, err = run(tmp_path / "spots.jsonl", "--labels", tmp_path, "-o", tmp_path / "g/Labels-v2.json")
    assert "Labels-v2.json: is also an input" in err


def test_no_spot_is_an_empty_result(run, tmp_path):
    (tmp_path / "spots.jsonl").touch()
    status, out, err = run(tmp_path / "spots.jsonl")
    assert (status, json.loads(out)["n_games"]) == (0, 0)
    assert "no spot came in: no game is scored; --games counts those of a list as missed" in err


def test_other_sports_are_scored_by_their_own_classes(run, tmp_path):
    labels = [
        {"half": 1, "position_ms": 1000 * at, "label": name} for at, name in ((3, "serve"), (9, "élan"))
    ]
    (tmp_path / "final.mp4.json").write_text(lines(labels))
    spots = [label | {"video": str(tmp_path / "final.mp4"), "confidence": 1.0} for label in labels]
    (tmp_path / "spots.jsonl").write_text(lines(spots))
    status, out, err = run(tmp_path / "spots.jsonl")
    result = json.loads(out)
    assert (status, result["classes"], result["metrics"]["tight"]["a_mAP"]) == (0, ["serve", "élan"], 1.0)
    assert err == (
        "evaluate: no label is one of SoccerNet's classes; the labels' own count, 2 classes: serve, élan\n"
    )
    assert result["warnings"][0] in err


def test_intervals_and_games(run, file):
    plain = json.loads(run(file)[1])
    status, out, err = run(file, "--intervals", 200, "--per-game")
    result = json.loads(out)
    assert status == 0
    assert result["metrics"] == plain["metrics"]
    assert "evaluate: intervals over 3 games are rough; take 10 or more\n" in err
    low, high = result["intervals"]["metrics"]["tight"]["a_mAP_present_classes"]
    assert low <= result["metrics"]["tight"]["a_mAP_present_classes"] <= high
    assert [Path(name).name for name in result["games"]] == [game.name for game in GAMES]
    status, out, _ = run(file, "--intervals", 200, "--per-game", "--table")
    assert status == 0
    assert "95 %" in out
    assert all(game.name in out for game in GAMES)


def test_one_game_has_no_intervals_and_that_is_said(run, tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text(lines(spots_of(GAMES[0])))
    status, out, err = run(path, "--intervals", 1000)
    assert (status, "intervals" in json.loads(out)) == (0, False)
    assert "evaluate: no intervals: they need two games or more, there is 1\n" in err


def test_errors_are_spots_that_other_commands_read(run, file, tmp_path):
    errors, plain = tmp_path / "errors.jsonl", run(file)[1]
    status, out, _ = run(file, "--errors", errors)
    assert (status, out) == (0, plain)
    found = [json.loads(line) for line in errors.read_text().splitlines()]
    kinds = Counter(line["error"] for line in found)
    assert len(found) - kinds["miss"] == len(SPOTS)
    assert {"hit", "miss", "wrong place"} <= set(kinds)
    assert all(Path(line["video"]).parent in GAMES for line in found)
    halves = [(line["video"], line["half"]) for line in found]
    assert halves == sorted(halves, key=halves.index), "halves stand together, as nms wants them"
    hits = "".join(json.dumps(line) + "\n" for line in found if line["error"] == "hit")
    (tmp_path / "hits.jsonl").write_text(hits)
    assert run(tmp_path / "hits.jsonl", "--hard", "-o", tmp_path / "kept.jsonl", command=nms)[0] == 0
    assert '"error": "hit"' in (tmp_path / "kept.jsonl").read_text()
    wider = run(file, "--metrics", "loose", "--errors", errors)
    assert wider[0] == 0
    assert errors.read_text().count('"error": "hit"') > kinds["hit"]


@pytest.mark.parametrize(
    "options", [["--errors", "-"], ["--errors", "x", "-o", "x"], ["--errors", "x", "-o", "./y/../x"]]
)
def test_scores_and_errors_do_not_go_to_one_place(run, file, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(file, *options)
    assert (status, out) == (1, "")
    assert "is also another output; write somewhere else" in err
    assert list(tmp_path.iterdir()) == [file]


def test_errors_go_down_a_pipe(run, file, tmp_path):
    status, out, _ = run(file, "--errors", "-", "-o", tmp_path / "scores.json")
    assert status == 0
    assert all("error" in json.loads(line) for line in out.splitlines())
    assert json.loads((tmp_path / "scores.json").read_text())["n_games"] == 3


def test_errors_do_not_go_over_the_spots(run, file):
    before = file.read_bytes()
    assert run(file, "--errors", file)[0] == 1
    assert file.read_bytes() == before


def test_other_spots_are_compared_on_the_same_games(run, file, tmp_path):
    worse = [{**one, "position_ms": one["position_ms"] + 900} for one in SPOTS]
    (tmp_path / "worse.jsonl").write_text(lines(worse))
    plain = json.loads(run(file)[1])
    status, out, err = run(file, "--compare", tmp_path / "worse.jsonl")
    result = json.loads(out)
    assert (status, result["metrics"]) == (0, plain["metrics"])
    found = result["comparison"]["metrics"]["tight"]
    alone = json.loads(run(tmp_path / "worse.jsonl")[1])["metrics"]["tight"]
    key = "a_mAP_present_classes"
    assert found[key]["these"] == pytest.approx(plain["metrics"]["tight"][key])
    assert found[key]["other"] == pytest.approx(alone[key])
    assert found["p"] == 0.25, "of three games"
    assert "evaluate: with 3 games no p can be below 0.25\n" in err
    status, out, _ = run(file, "--compare", tmp_path / "worse.jsonl", "--table")
    assert "paired permutation test, all 8 swaps of games between both" in out
    assert f"against {tmp_path / 'worse.jsonl'}" in out
    goal = next(line for line in out.splitlines() if line.startswith("tight, Goal "))
    pair = found["a_mAP_per_class"]["Goal"]
    assert goal.split()[2:] == [f"{value:.4f}" for value in pair.values()]


def test_other_spots_of_other_games(run, file, tmp_path):
    """Games that only one has: missed by the other, or left out; and said."""
    (tmp_path / "two.jsonl").write_text(lines(spots_of(GAMES[0]) + spots_of(GAMES[1])))
    (tmp_path / "one.jsonl").write_text(lines(spots_of(GAMES[1]) + spots_of(GAMES[2])))
    status, out, err = run(tmp_path / "two.jsonl", "--labels", MATCHES, "--compare", tmp_path / "one.jsonl")
    assert (status, json.loads(out)["n_games"]) == (0, 2)
    assert f"one.jsonl: of other games, left out: {GAMES[2]}/1_224p.mkv" in err
    assert f"one.jsonl: no spot of {GAMES[0].relative_to(MATCHES)}, counted as missed" in err
    (tmp_path / "none.jsonl").write_text(lines(spots_of(GAMES[2])))
    status, out, err = run(
        tmp_path / "two.jsonl", "--labels", MATCHES, "--compare", tmp_path / "none.jsonl"
    )
    assert (status, out) == (1, "")
    assert "none.jsonl: has no spot of " in err
    assert err.endswith("give spots of the same games\n")


def test_results_of_soccernet_are_compared_with_lines(run, file, tmp_path):
    write_soccernet(SPOTS, tmp_path / "results")
    for pair in ((file, tmp_path / "results"), (tmp_path / "results", file)):
        status, out, _ = run(pair[0], "--labels", MATCHES, "--compare", pair[1])
        assert status == 0
        assert json.loads(out)["comparison"]["metrics"]["tight"]["p"] == 1


def test_the_scores_do_not_go_over_the_other_spots(run, file, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text(lines(SPOTS))
    status, _, err = run(file, "--compare", other, "-o", other)
    assert (status, other.read_text()) == (1, lines(SPOTS))
    assert "is also an input" in err


def test_a_picture(run, file, tmp_path):
    plain = run(file)[1]
    assert run(file, "--plot", tmp_path / "curves.svg")[:2] == (0, plain)
    root = ElementTree.parse(tmp_path / "curves.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert run(file, "--plot", tmp_path / "both.SVG", "--compare", file, "--metrics", "at1,loose")[0] == 0
    assert "the other spots" in (tmp_path / "both.SVG").read_text()


@pytest.mark.parametrize("name", ["curves.png", "curves", "curves.svg.gz"])
def test_other_pictures_are_refused_before_anything_is_read(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    status, out, err = run("nowhere.jsonl", "--plot", name)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"evaluate: {name}: pictures are drawn as .svg only" in err
    assert "; name it " in err
    assert err.endswith(".svg\n")


@pytest.mark.parametrize("option", ["--errors", "--plot", "--output"])
def test_what_cannot_be_written_is_said_before_spots_are_read(run, file, tmp_path, option):
    name = "curves.svg" if option == "--plot" else "it"
    status, out, err = run(tmp_path / "nowhere.jsonl", option, file / "below" / name)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err == f"evaluate: {file}: is not a folder; write somewhere else\n"
