"""How soon a command answers: help, nms' first line, spot's, a word on a terminal; beside a bare Python."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from _measure import BIN, BUILD, Row, interleaved, options, table
from _spots import MATCH_POSITIONS, raw_match
from _videos import video
from _weights import weights

from comedian.cli._umbrella import COMMANDS

FIRST_SPOT = "spot, four seconds of 224p, first spot"
LOADING = {"finetune": ["nowhere", "-o", BUILD / "none.safetensors"], "spot": ["nowhere.mkv"]}


def main() -> None:
    """A table of seconds until the first line is out."""
    asked = options(__doc__).parse_args()
    short = raw_match(BUILD, "match", 100)
    long = raw_match(BUILD, "match", MATCH_POSITIONS // 4 if asked.quick else MATCH_POSITIONS)
    cases = {"python": [sys.executable, "-c", "print()"]}
    cases |= {f"{name} --help": [BIN / name, "--help"] for name in COMMANDS}
    cases |= {"comedian": [BIN / "comedian"]}
    cases |= {"nms, two halves of 1,700 lines, first line": [BIN / "nms", short]}
    cases |= {"nms, a raw match, first line (its half must be in)": [BIN / "nms", long]}
    found = interleaved(cases, asked.rounds, first_line)
    loading = {f"{name}, its word on a terminal": [BIN / name, *words] for name, words in LOADING.items()}
    found |= interleaved(loading, asked.rounds, first_word)
    found |= interleaved({FIRST_SPOT: _spotting()}, asked.rounds, first_line)
    python = found.pop("python")
    rows = [Row(what, costs, (), _target(what)) for what, costs in found.items()]
    table([Row("python -c 'print()'", python), *rows])


def _spotting() -> list[str | Path]:
    """A video of one window, so that nearly all is start; of ViViT-T, random weights find everything."""
    model, path = weights(BUILD, "vivit-tiny"), video(BUILD / "videos", "h264", "224p", 4)
    return [BIN / "spot", path, "--model", model, "--threshold", "0"]


def first_line(arguments: Sequence[str | Path]) -> float:
    """Seconds until a command has written its first line."""
    start = time.perf_counter()
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert os.read(process.stdout.fileno(), 1), f"{arguments[0]} says nothing"
        seconds = time.perf_counter() - start
        process.kill()
    return seconds


def first_word(arguments: Sequence[str | Path]) -> float:
    """Seconds until a command has said something on a terminal."""
    ours, theirs = pty.openpty()
    start = time.perf_counter()
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        assert os.read(ours, 1), f"{arguments[0]} says nothing"
        seconds = time.perf_counter() - start
        process.kill()
    for end in (ours, theirs):
        os.close(end)
    return seconds


def _target(what: str) -> str:
    if "raw match" in what:
        return ""
    if what == FIRST_SPOT:
        return "<= 2"
    if "terminal" in what:
        return "<= 0.5"
    return "<= 0.2" if what.startswith("nms,") else "<= 0.15"


if __name__ == "__main__":
    main()
