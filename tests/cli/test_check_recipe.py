"""comedian check-recipe: findings on standard output, and an exit status that stops make."""

import pytest

from cli.check_recipe import main
from tests.cli.test_training_commands import files_in
from tests.conftest import GAMES

SMALL = "--set model.image_height=32 --set model.image_width=32 --set model.num_tokens=4".split()


@pytest.fixture
def line(tiny, tmp_path) -> list:
    """A recipe that nothing stops, but for classes that the games' labels do not have."""
    (tmp_path / "train.txt").write_text(f"{GAMES[0]}\n")
    (tmp_path / "test.txt").write_text(f"{GAMES[1]}\n")
    where = ["--test", tmp_path / "test.txt", "--root", tiny.videos, "--work", tmp_path / "work"]
    return [tmp_path / "train.txt", *where, "--recipe", "smoke", "--size", "64x36", *SMALL]


def test_nothing_to_say(run, line, tmp_path):
    before = files_in(tmp_path)
    status, out, err = run(main, *line)
    assert status == 0, out
    assert err == "comedian check-recipe: no findings\n"
    assert all(": note: " in text for text in out.splitlines())
    assert run(main, *line, "-q")[2] == ""
    assert files_in(tmp_path) == before


def test_everything_at_once(run, line, tmp_path):
    more = ["--valid", tmp_path / "no.txt", "--set", "modl.depth=3", "--batch-size", "distil=3"]
    more += ["--bank", "--root x --features-name=b.npy"]
    status, out, err = run(main, *line, *more)
    assert status == 1
    for what in ("no.txt: no such list", "unknown key 'modl'", "there is no step 'distil'", "(b.npy)"):
        assert what in out
    assert err == "comedian check-recipe: 4 findings\n"


@pytest.mark.parametrize(
    "launch",
    [
        "torchrun --nproc-per-node 3 --no-python",
        "torchrun --nproc_per_node=3",
        "torchrun --nnodes 3 --nproc-per-node 1",
    ],
)
def test_processes_are_counted(run, line, launch):
    status, out, _ = run(main, *line, "--launch", launch, "--batch-size", "8")
    assert status == 1
    assert "3 processes cannot share a batch of 8" in out


def test_a_process_for_each_card_is_one_without_cards(run, line):
    assert run(main, *line, "--launch", "torchrun --nproc-per-node gpu")[0] == 0


def test_options_of_extract_frames_are_known(run, line):
    more = "--prefer 224p --fps 2 --sampling screen --format jpeg --quality 80 --workers 1".split()
    assert run(main, *line, *more)[0] == 0
    assert run(main, *line, "--no-such-option")[0] == 2


def test_quotes_that_are_not_closed(run, line):
    status, out, err = run(main, *line, "--bank", "it's")
    assert (status, out) == (1, "")
    assert err == "comedian check-recipe: it's: a quotation mark is not closed; close it\n"
