"""build-bank from feature files, its errors, and its look-ups."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from cli.build_bank import main
from comedian.formats.bank import Bank


@pytest.fixture
def features(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for game in ("l/2015 A 1 - 0 B", "l/2016 C 2 - 2 D"):
        folder = tmp_path / "features" / game
        folder.mkdir(parents=True)
        for half in (1, 2):
            walk = rng.normal(size=(40, 9)).cumsum(axis=0).astype(np.float32)
            np.save(folder / f"{half}_baidu_soccer_embeddings.npy", walk)
            np.save(folder / f"{half}_ResNET_TF2.npy", walk[:, :3])
    return tmp_path / "features"


@pytest.fixture
def run(capsys):
    def call(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code, *capsys.readouterr()

    return call


BAIDU = ("--features-name", "baidu_soccer_embeddings.npy")


def test_a_folder_of_features_becomes_a_bank(features, tmp_path, run):
    status, out, err = run(features, *BAIDU, "-o", tmp_path / "bank.h5", "--dim", 4, "--device", "cpu")
    assert (status, err) == (0, "")
    summary = json.loads(out)
    assert (summary["rows"], summary["dim"], summary["neighbours"]) == (160, 4, None)
    assert 0.5 < summary["explained_variance"] < 1
    bank = Bank(tmp_path / "bank.h5")
    assert [half.game for half in bank.halves] == ["l/2015 A 1 - 0 B"] * 2 + ["l/2016 C 2 - 2 D"] * 2
    assert json.loads(bank.provenance)["recipe"]["dim"] == 4


def test_a_list_with_a_root_and_every_option(features, tmp_path, run):
    games = tmp_path / "games.txt"
    games.write_text("l/2016 C 2 - 2 D\n")
    options = "--dim 3 --tau 0.1 --neighbours 5 --dtype float32 --features-fps 2 --features-offset 0.5"
    status, out, _ = run(
        games,
        "--root",
        features,
        "--features-name",
        "resnet_tf2.npy",
        "-o",
        tmp_path / "b.h5",
        *options.split(),
    )
    assert status == 0
    bank = Bank(tmp_path / "b.h5")
    assert (bank.temperature_m, bank.neighbours, bank.features.dtype) == (0.1, 5, np.float32)
    assert bank.seconds[:3].tolist() == [0.5, 1.0, 1.5]
    assert json.loads(out)["left_out"]["mean"] == bank.left_out.mean > 0


def test_single_files_are_their_own_games(features, tmp_path, run):
    source = next(features.rglob("1_baidu*"))
    assert run(source, "-o", tmp_path / "bank.h5")[0] == 0
    assert Bank(tmp_path / "bank.h5").rows("1_baidu_soccer_embeddings", 1) == slice(0, 40)


def test_options_without_effect_are_said(features, tmp_path, run):
    arguments = (features, *BAIDU, "-o", tmp_path / "bank.h5", "--batch-size", 8, "-k", 3)
    err = run(*arguments)[2]
    assert err.splitlines() == [
        "build-bank: --batch-size has no effect with feature files",
        "build-bank: --num has no effect with feature files",
    ]
    assert run(*arguments, "--quiet")[2] == ""


def test_query_lists_moments_as_lines_and_as_a_table(features, tmp_path, run):
    bank = tmp_path / "bank.h5"
    run(features, *BAIDU, "-o", bank, "--dim", 4)
    status, out, err = run("--query", "2015 A 1 - 0 B/2_224p.mkv@00:20", bank, "-k", 4)
    assert (status, err) == (0, "")
    moments = [json.loads(line) for line in out.splitlines()]
    assert len(moments) == 4
    assert set(moments[0]) == {"game", "half", "position", "seconds", "cosine"}
    for moment in moments:
        assert (moment["game"], moment["half"]) != ("l/2015 A 1 - 0 B", 2) or abs(
            moment["seconds"] - 20
        ) > 5
    table = run("--query", "2015 A 1 - 0 B@00:20", bank, "--half", 2, "--table", "-k", 4)[1]
    first = moments[0]
    assert table.splitlines()[0].split(maxsplit=4) == [
        f"{first['cosine']:.4f}",
        first["position"],
        "half",
        str(first["half"]),
        first["game"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["features"], "no output was given; name a bank file with -o"),
        (["features", "-o", "features"], "features: is a folder; name a file"),
        (["features", "-o", "b.h5"], "say which, as in --features-name"),
        (["features", "-o", "b.h5", "--features-name", "x.npy"], "features: holds no feature file (x.npy)"),
        (["missing", "-o", "b.h5"], "missing: no such file or folder; check the path"),
        (
            ["other.h5", "-o", "b.h5"],
            "other.h5: is not a feature file (.npy); give .npy files; frames need",
        ),
        (["-", "-o", "b.h5"], "-: features, frames and banks cannot go through a pipe"),
        (["features", *BAIDU, "-o", "-"], "cannot go through a pipe"),
        (
            ["features", *BAIDU, "-o", "b.h5", "--tau", "0"],
            "temperature_m must be float >= 0.0001",
        ),
        (
            ["features", *BAIDU, "-o", "b.h5", "--features-fps", "0"],
            "rows a second must be float > 0.0",
        ),
        (["features", *BAIDU, "-o", "b.h5", "--device", "tpu"], "--device: unknown device 'tpu'"),
        (["--query", "A@1:00", "other.h5"], "other.h5: is not a bank but some other HDF5 file; make"),
        (["--query", "A@1:00", "games.txt"], "games.txt: is not a bank; make one with build-bank"),
        (["--query", "A", "other.h5"], "--query: 'A' is not GAME@MM:SS"),
        (["--query", "A@1:00", "other.h5", "b.h5"], "--query looks into one bank"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(features, tmp_path, monkeypatch, run, arguments, message):
    monkeypatch.chdir(tmp_path)
    h5py.File("other.h5", "w").close()
    Path("games.txt").write_text("l/2015 A 1 - 0 B\n")
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert err.startswith("build-bank: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bad_file_keeps_the_old_bank(features, tmp_path, run):
    bank = tmp_path / "bank.h5"
    run(features, *BAIDU, "-o", bank)
    before = bank.read_bytes()
    bad = features / "l/2016 C 2 - 2 D/2_baidu_soccer_embeddings.npy"
    np.save(bad, np.full((5, 9), np.nan, np.float32))
    status, _, err = run(features, *BAIDU, "-o", bank)
    assert status == 1
    assert f"{bad}: row 0 holds NaN or infinity; make the file again" in err
    assert bank.read_bytes() == before
