"""distill as a command; what it shares with the other steps is in test_training_commands.py."""

import json
import shutil

import pytest

from cli.build_bank import main as build_bank
from cli.distill import main
from comedian.formats.checkpoint import load_checkpoint


def test_a_bank_that_build_bank_made(run, train, tiny, tmp_path):
    """From frames, seen by weights of the step before."""
    bank = tmp_path / "bank.h5"
    teacher = ["--teacher", tiny.spatial, "--device", "cpu", "--dim", 5]
    status, out, err = run(build_bank, tiny.frames, *teacher, "-o", bank)
    assert (status, err, json.loads(out)["rows"]) == (0, "", 120)
    output = tmp_path / "distilled.safetensors"
    assert train("distill", "--bank", bank, output=output)[0] == 0
    tensors = load_checkpoint(output, "distilled").tensors
    assert {name.split(".")[0] for name in tensors} == {"spatial", "temporal", "projector"}
    width = {value.shape[0] for name, value in tensors.items() if name.startswith("projector.")}
    assert 5 in width, "the projector ends in the bank's width"


def test_the_authors_queue(train):
    status, out, err = train("distill", "--set", "candidates=queue", "--set", "queue_size=64")
    assert (status, err, len(out.splitlines())) == (0, "", 2)


BANKS = {
    "missing": ("{folder}/none.h5", "none.h5: no such file; make one with build-bank"),
    "empty": ("{folder}/empty.h5", "empty.h5: is not a bank; make one with build-bank"),
    "cut short": ("{folder}/cut.h5", "cut.h5: is damaged or cut short; make it again with build-bank"),
    "frames": ("{tiny.half}", "1_224p.h5: is not a bank but comedian frames; make one with"),
    "a spotter": ("{tiny.spotter}", "spotter.safetensors: is not a bank; make one with build-bank"),
    "standard input": ("-", "-: a bank cannot go through a pipe; name a file"),
    "a folder": ("{tiny.frames}", "frames: is a folder; name a bank"),
}


@pytest.mark.parametrize("case", BANKS)
def test_bad_banks_are_one_line_and_leave_nothing(train, tiny, tmp_path, case):
    bank, what = BANKS[case]
    (tmp_path / "empty.h5").touch()
    (tmp_path / "cut.h5").write_bytes(tiny.bank.read_bytes()[:-3000])
    status, out, err = train("distill", "--bank", bank.format(tiny=tiny, folder=tmp_path))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("distill: ")
    assert what in err
    assert {path.name for path in tmp_path.iterdir()} == {"empty.h5", "cut.h5"}


def test_no_bank(run, tiny, tmp_path):
    status, _, err = run(main, tiny.frames, "--init", tiny.spatial, "-o", tmp_path / "a.safetensors", "-q")
    assert status == 1
    assert err == "distill: no bank was given; make one with build-bank and name it with --bank\n"


def test_a_half_that_the_bank_does_not_hold(train, tiny, tmp_path):
    game = tmp_path / "frames" / "Elsewhere 0 - 0 Nowhere"
    game.mkdir(parents=True)
    shutil.copy(tiny.half, game)
    status, out, err = train("distill", tmp_path / "frames")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"{tiny.bank}: holds no 'Elsewhere 0 - 0 Nowhere', half 1; its games are like 'league/" in err


def test_a_window_longer_than_a_half(train, tmp_path):
    status, out, err = train("distill", "--set", "model.num_tokens=31")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "1_224p.h5: has 60 frames, a window needs 62; leave it out or train with a smaller --set" in err
    assert list(tmp_path.rglob("*.resume")) == []
