"""docs/scale.md: its script, job files and lines are run with stand-ins, which write down their words."""

import re
import subprocess
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from tests.command_lines import OF_PAPER, check, noted, options, put_stand_ins

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()
PLACE = {"NODES": "2", "GPUS": "8", "MASTER": "gpu1", "WORK": "work"}
WAIT = """for name in bank.h5 nms.jsonl test.json; do # meanwhile the first machine makes the next one
    [ -e "$WORK/$name" ] || { touch "$WORK/$name"; break; }
done"""
OTHERS = {"scontrol": "printf 'node%s\\n' 1 2", "sleep": WAIT}  # what a machine has beside our commands

__all__ = ["options"]  # a fixture


def fence(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return found


@pytest.fixture
def lines_of(tmp_path):
    """lines_of(script, environment) -> what it would run, in words."""
    put_stand_ins(tmp_path / "bin", (*OF_PAPER, "torchrun", "srun", "ssh"))
    for name, script in OTHERS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def call(script: str, environment: dict[str, str]) -> list[list[str]]:
        notes = tmp_path / "notes"
        notes.unlink(missing_ok=True)
        environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "NOTES": str(notes)} | environment
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return noted(notes)

    return call


@pytest.mark.parametrize("rank", [0, 1])
def test_the_script_parses_on_every_machine(lines_of, options, tmp_path, rank):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "spatial.safetensors.resume").touch()
    lines = lines_of(fence("sh"), PLACE | {"NODE_RANK": str(rank)})
    jobs = [get_args_parser().parse_args(words[1:]) for words in lines if words[0] == "torchrun"]
    for job in jobs:
        assert (job.nnodes, job.node_rank, job.master_addr, job.no_python) == ("2", rank, "gpu1", True)
    parts = [[job.training_script, *job.training_script_args] for job in jobs]
    alone = [words for words in lines if words[0] != "torchrun"]
    assert [words[0] for words in parts] == "extract-frames pretrain-spatial distill finetune spot".split()
    assert [job.nproc_per_node for job in jobs] == ["1", *["8"] * 4]
    assert [words[0] for words in alone] == ([] if rank else ["build-bank", "nms", "evaluate"])
    assert ["--resume" in words for words in parts] == [False, True, False, False, False]
    for words in (*parts, *alone):
        check(words, options)


def test_what_is_done_is_left_out(lines_of, tmp_path):
    names = re.findall(r'^(?:step|first) "\$WORK/(\S+)"', fence("sh"), re.MULTILINE)
    assert len(names) == 7
    (tmp_path / "work").mkdir()
    for name in names:
        (tmp_path / "work" / name).touch()
    lines = lines_of(fence("sh"), PLACE | {"NODE_RANK": "0"})
    assert [words[words.index("--no-python") + 1] for words in lines] == ["extract-frames"]


def test_slurm(lines_of):
    batch = fence("slurm")
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", batch, re.MULTILINE))
    given = {"SLURM_JOB_NUM_NODES": asked["nodes"], "SLURM_JOB_NODELIST": "node[1-2]"}
    ((_, kill, *run),) = lines_of(batch, given)
    assert (kill, run[:2]) == ("--kill-on-bad-exit=1", ["bash", "-c"])
    assert f"GPUS={asked['gpus-per-node']} " in batch
    assert asked["ntasks-per-node"] == "1", "torchrun starts the others"


def test_what_each_machine_is_told(lines_of, tmp_path):
    """The words that start the script set all that it asks for, wherever they come from."""
    yaml = pytest.importorskip("yaml")
    (tmp_path / "recipe.sh").write_text('echo "$NODES $NODE_RANK $GPUS $MASTER"')
    service, job = yaml.safe_load_all(fence("yaml"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    of_pod = {item["name"]: item["value"] for item in container["env"]} | {"JOB_COMPLETION_INDEX": "1"}
    told = started(container["command"], of_pod, tmp_path)
    assert told == f"2 1 8 {job['metadata']['name']}-0.{service['metadata']['name']}"
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(of_pod["NODES"])
    assert container["resources"]["limits"]["nvidia.com/gpu"] == int(of_pod["GPUS"])
    assert service["spec"]["selector"]["job-name"] == job["metadata"]["name"]
    assert job["spec"]["template"]["spec"]["subdomain"] == service["metadata"]["name"]

    by_ssh = sorted(lines_of(fence("ssh"), {}))
    assert [words[1] for words in by_ssh] == ["gpu1", "gpu2"]
    for rank, words in enumerate(by_ssh):
        assert started(["bash", "-c", words[2]], {}, tmp_path) == f"2 {rank} 8 gpu1"

    ((*_, line),) = lines_of(
        fence("slurm"), {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "node[1-2]"}
    )
    of_task = {"NODES": "2", "GPUS": "8", "MASTER": "node1", "SLURM_NODEID": "1"}
    assert started(["bash", "-c", line], of_task, tmp_path) == "2 1 8 node1"


def started(words: list[str], environment: dict[str, str], folder: Path) -> str:
    environment = environment | {"PATH": "/usr/bin:/bin"}
    return subprocess.check_output(words, cwd=folder, env=environment, text=True).strip()
