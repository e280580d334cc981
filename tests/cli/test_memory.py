"""--memory: what it picks is said, and what cannot fit is refused."""

import pytest

from cli.finetune import main
from comedian.cli._memory import bytes_of
from comedian.formats.checkpoint import read_header

STAGES = ("pretrain-spatial", "distill", "finetune")


@pytest.mark.parametrize("stage", STAGES)
def test_a_plan_is_said_and_kept_in_the_weights(run, words, tmp_path, stage):
    from importlib import import_module

    output = tmp_path / "a.safetensors"
    line = [word for word in words(stage, output) if word != "--quiet"]
    command = import_module(f"cli.{stage.replace('-', '_')}").main
    status, _, err = run(command, *line, "--memory", "1002.5MB")
    assert status == 0, err
    (said,) = [line for line in err.splitlines() if "accumulate" in line]
    assert said.startswith(f"{stage}: in 1 GB: ")
    recipe = read_header(output).recipe
    for name in recipe.keys() & {"optim", "head", "full"}:
        assert f"{name}.accumulate={recipe[name]['accumulate']}, " in said
    assert run(command, *line, "--memory", "1002.5MB", "-q")[2] == ""


def test_what_cannot_fit_is_refused_in_one_line(run, words, tmp_path):
    status, out, err = run(main, *words("finetune", tmp_path / "a.safetensors"), "--memory", "0.5 GiB")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "--memory: 0.537 GB are too little: 2 clips at once need about 1" in err
    assert not list(tmp_path.iterdir())


def test_what_is_no_memory_is_a_wrong_command_line(run, words, tmp_path):
    for text in ("24", "GB", "-1GB", "1e9GB", "24 gigabytes", "", "9999999999GB", "\u0662GB"):
        status, _, err = run(main, *words("finetune", tmp_path / "a.safetensors"), "--memory", text)
        assert status == 2, text
        assert "is no memory, write e.g. 24GB" in err
    assert bytes_of("24GB") == 24 * 10**9
    assert bytes_of(" 1.5 GiB ") == 3 * 2**29
