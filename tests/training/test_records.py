"""The records beside the weights: each epoch once, whatever happened."""

import json
from dataclasses import replace

import pytest

from comedian.formats.records import keep_record
from comedian.training import loop
from tests.training.conftest import interrupted
from tests.training.stages import train


def lines_of(run):
    return [json.loads(line) for line in run.epochs_path.read_text().splitlines()]


def without_seconds(records):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_resumed_run_has_each_epoch_once(inputs, a_run, after, kept):
    """Interrupted in the head's epochs, between stages, in the last one; also before a state was kept."""
    records, run = [], a_run()
    train(inputs, "finetune", a_run("whole", records))
    assert len(records) == 5
    with interrupted(after, kept):
        train(inputs, "finetune", run)
    assert without_seconds(lines_of(run)) == without_seconds(records[:after])
    train(inputs, "finetune", replace(run, resume=True))
    assert without_seconds(lines_of(run)) == without_seconds(records)


def test_a_run_stopped_within_its_first_epoch(inputs, a_run, monkeypatch):
    monkeypatch.setattr(loop, "STATE_ITERATIONS", 1)
    run, calls = a_run(), []

    def report(*call):
        calls.append(call)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(inputs, "pretrain", replace(run, report=report))
    assert run.state_path.exists()
    assert not run.epochs_path.exists()
    train(inputs, "pretrain", replace(run, resume=True))
    assert [record["epoch"] for record in lines_of(run)] == [1, 2, 3]


@pytest.mark.parametrize("stage", ["distill", "finetune"])
def test_a_fresh_run_replaces_an_old_file(inputs, a_run, stage):
    run, records = a_run(), []
    train(inputs, stage, run)
    old = lines_of(run)
    with interrupted(1):
        train(inputs, stage, replace(run, seed=5, emit=records.append))
    assert lines_of(run) == records
    assert lines_of(run)[0]["loss"] != old[0]["loss"]


def test_what_is_no_record_is_left_out(tmp_path):
    path = tmp_path / "a.epochs"
    lines = [{"stage": "a", "epoch": 1}, [1], 7, {"stage": 1}, {"stage": "a", "epoch": "x"}]
    path.write_bytes(b"\xff\n" + "\n".join(map(json.dumps, lines)).encode() + b"\n{")
    keep_record(path, {"stage": "a", "epoch": 2}, first=False)
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2]
