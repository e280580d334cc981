"""Curves, read back by TensorBoard's own reader."""

import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from comedian.errors import InputError
from comedian.training import watch
from comedian.training.board import board
from tests.training.conftest import interrupted
from tests.training.stages import train


@pytest.fixture
def read():
    """read(folder): the points (x, value) of each curve in a folder."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def points(folder):
        events = EventAccumulator(str(folder)).Reload()
        names = events.Tags()["scalars"]
        return {name: [(one.step, one.value) for one in events.Scalars(name)] for name in names}

    return points


def test_curves_are_the_records(inputs, a_run, read, tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "LATEST", 2)
    records, said = [], []
    with board(tmp_path / "curves", False, said.append) as scalar:
        train(inputs, "finetune", a_run(records=records, scalar=scalar))
    found = read(tmp_path / "curves")
    for stage, name in (("finetune head", "finetune_head"), ("finetune", "finetune")):
        mine = [record for record in records if record["stage"] == stage]
        for key in ("loss", "lr", "valid_tight_a_mAP", "seconds"):
            expected = [(record["epoch"], pytest.approx(record[key])) for record in mine]
            assert found[f"{name}_epochs/{key}"] == expected
        losses = found[f"{name}/loss"]
        assert [at for at, _ in losses] == [2 * record["epoch"] for record in mine], "at iterations"
        assert [loss for _, loss in losses] == pytest.approx([record["loss"] for record in mine])
    assert said == []


def test_curves_change_nothing(inputs, a_run, read, tmp_path):
    one, other = a_run("one"), a_run("other")
    train(inputs, "distill", one)
    with board(tmp_path / "curves", False) as scalar:
        train(inputs, "distill", replace(other, scalar=scalar))
    weights, others = load_file(one.output), load_file(other.output)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())


def test_a_resumed_run_goes_on_in_the_same_folder(inputs, a_run, read, tmp_path):
    folder, said, run = tmp_path / "curves", [], a_run()
    with board(folder, False, said.append) as scalar, interrupted(1):
        train(inputs, "pretrain", replace(run, scalar=scalar))
    with board(folder, True, said.append) as scalar:
        train(inputs, "pretrain", replace(run, scalar=scalar, resume=True))
    assert [at for at, _ in read(folder)["pretrain-spatial_epochs/loss"]] == [1, 2, 3]
    assert said == []
    with board(folder, False, said.append):
        pass
    assert said == [f"{folder} holds curves of an earlier run, those of this one are drawn over them"]


def test_nothing_is_made_before_the_first_value(tmp_path):
    pytest.importorskip("tensorboard")
    with board(tmp_path / "curves", False):
        pass
    assert not (tmp_path / "curves").exists()


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = "^--tensorboard: needs the package tensorboard, which is not installed; pip install tensorboard$"
    with pytest.raises(InputError, match=said), board(tmp_path, False):
        pass
