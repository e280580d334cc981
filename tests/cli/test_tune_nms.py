"""tune-nms as a command: what it reads, writes and refuses."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cli.evaluate import main as evaluate
from cli.nms import main as nms
from cli.tune_nms import main
from comedian.formats.scores import Scores, write_scores
from comedian.spotting.spots import to_spots

CLASSES = ("Goal", "Throw-in; ä", "Corner")
LENGTH = 300


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Three games whose goals have an echo 7 s later, with labels, scores and raw spots."""
    root = tmp_path_factory.mktemp("games")
    rng = np.random.default_rng(0)
    halves = []
    for name in ("a", "b", "c"):
        game = root / "l" / "s" / name
        game.mkdir(parents=True)
        annotations = []
        for half in (1, 2):
            scores = rng.uniform(0, 0.0009, (LENGTH, len(CLASSES))).astype(np.float32)
            places = np.arange(20, LENGTH - 20, 40)
            for number, label in enumerate(CLASSES[:2]):
                scores[places, number] = rng.uniform(0.4, 0.9, len(places))
                scores[places + 7, number] = 0.9 * scores[places, number]
                annotations += [
                    {"gameTime": f"{half} - 0:00", "position": str(1000 * int(place)), "label": label}
                    for place in places
                ]
            video = str(game / f"{half}_224p.mkv")
            halves.append(Scores(video, half, np.arange(LENGTH, dtype=float), scores))
        (game / "Labels-v2.json").write_text(json.dumps({"annotations": annotations}), encoding="utf-8")
    write_scores(root / "scores.h5", halves, CLASSES, "{}")
    write_scores(root / "one.h5", halves[:2], CLASSES, "{}")
    write_scores(root / "half.h5", halves[:1], CLASSES, "{}")
    write_scores(root / "none.h5", [], CLASSES, "{}")
    with (root / "raw.jsonl").open("w", encoding="utf-8") as stream:
        for half in halves:
            stream.writelines(json.dumps(spot) + "\n" for spot in to_spots(half, CLASSES))
    return root


def test_settings_go_to_nms_and_gain_what_was_said(run, root, tmp_path):
    settings, kept = tmp_path / "settings.toml", tmp_path / "kept.jsonl"
    status, out, err = run(main, root / "scores.h5", "-o", settings)
    assert (status, out) == (0, "")
    said = err.splitlines()
    assert said[-1].startswith("tune-nms: out of fold (3 games, leaving out one) tight a-mAP 0.")
    assert "tune-nms: settings of 3 games may not do for others; take 10 or more" in said
    found = tomllib.loads(settings.read_text(encoding="utf-8"))
    assert set(found["classes"]) == set(CLASSES[:2])
    assert all(way["window_seconds"] > 14 for way in found["classes"].values())
    assert said[-1].removeprefix("tune-nms: ") in settings.read_text(encoding="utf-8")
    scores = []
    for options in ([], ["--settings", settings]):
        assert run(nms, root / "raw.jsonl", *options, "-o", kept)[0] == 0
        result = json.loads(run(evaluate, kept, "--classes", ",".join(CLASSES), "-q")[1])
        scores.append(result["metrics"]["tight"]["a_mAP_present_classes"])
    assert f"{scores[0]:.4f} -> " in said[-1]
    assert scores[1] > scores[0] + 0.1


def test_without_an_output_they_go_to_standard_output(run, root):
    status, out, err = run(main, root / "scores.h5", "--quiet")
    assert (status, err) == (0, "")
    assert tomllib.loads(out)["default"]["kind"] in ("soft", "hard", "peak")
    assert run(main, root / "scores.h5", "--labels", root, "-q")[1] == out


def test_several_files_of_the_same_halves_are_averaged(run, root):
    once, twice = (run(main, *[root / "scores.h5"] * number, "-q")[1] for number in (1, 2))
    assert once == twice


def test_one_game_is_said(run, root):
    status, _, err = run(main, root / "one.h5")
    assert status == 0
    assert (
        "tune-nms: one game: chosen on one half and measured on the other; several games tell more" in err
    )
    assert "out of fold (2 halves, leaving out one)" in err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "no scores; name files of spot --scores"),
        (["half.h5"], "1 half has scores"),
        (["none.h5"], "0 halves have scores"),
        (["raw.jsonl"], "raw.jsonl: is not a scores file; make one with spot --scores"),
        (["nowhere.h5"], "nowhere.h5: no such file"),
        (["-"], "-: scores cannot go through a pipe"),
        (["scores.h5", "--labels", "one.h5"], "one.h5: is not"),
        (["scores.h5", "-o", "scores.h5"], "scores.h5: is also an input"),
        (["scores.h5", "-o", "l/s/a/Labels-v2.json"], "Labels-v2.json: is also an input"),
        (["scores.h5", "-o", "l"], "l: is a folder; name a file"),
    ],
)
def test_bad_input_is_one_line(run, root, monkeypatch, words, what):
    monkeypatch.chdir(root)
    before = (root / "scores.h5").read_bytes(), (root / "l/s/a/Labels-v2.json").read_bytes()
    status, out, err = run(main, *words)
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert what in err
    assert ";" in err, "a remedy"
    assert ((root / "scores.h5").read_bytes(), (root / "l/s/a/Labels-v2.json").read_bytes()) == before


def test_labels_of_other_classes(run, root, tmp_path):
    for name in "abc":
        (tmp_path / "l/s" / name).mkdir(parents=True)
        entry = {"gameTime": "1 - 0:01", "position": "1000", "label": "goal"}
        (tmp_path / "l/s" / name / "Labels-v2.json").write_text(json.dumps({"annotations": [entry]}))
    status, _, err = run(main, root / "scores.h5", "--labels", tmp_path)
    assert status == 1
    assert "no label is one of the scores' classes: 'goal' (is 'Goal' meant?); give the labels" in err
