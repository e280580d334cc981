"""pretrain-spatial as a command; what it shares with the other steps is in test_training_commands.py."""

import json

import torch

from cli.pretrain_spatial import main
from comedian.weights.load import load_spatial


def test_frames_files_folders_and_lists_are_the_same(run, words, tiny, tmp_path):
    """The same halves in the same order, however they are named."""
    line = words("pretrain-spatial", tmp_path / "a.safetensors")[1:]
    files = sorted(tiny.frames.rglob("*.h5"))
    ways = ([tiny.frames], files, [tiny.list, "--root", tiny.frames])
    losses = set()
    for sources in ways:
        status, out, _ = run(main, *sources, *line)
        assert status == 0
        losses.add(json.loads(out.splitlines()[-1])["loss"])
    assert len(losses) == 1


def test_it_starts_from_weights(run, words, tiny, tmp_path):
    """With a learning rate of 0 what comes out is what went in."""
    output = tmp_path / "a.safetensors"
    line = words("pretrain-spatial", output)
    assert run(main, *line, "--init", tiny.spotter, "--set", "optim.base_lr=0.0", "--epochs", 1)[0] == 0
    wanted = load_spatial(tiny.spotter).state_dict()
    assert all(
        torch.equal(value, wanted[name]) for name, value in load_spatial(output).state_dict().items()
    )


def test_a_list_of_games_without_frames(run, words, tiny, tmp_path):
    line = words("pretrain-spatial", tmp_path / "a.safetensors")[1:]
    status, out, err = run(main, tiny.list, "--root", tiny.videos, *line)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "games.txt: game 'league/2026/A 1 - 0 B' has no frames file in " in err
    assert "check --root" in err
