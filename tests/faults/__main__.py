"""Every fault many times, and the table of them in docs/reliability.md.

    python -m tests.faults KILLS MUTATIONS

KILLS of each command, a tenth as many failing writes of each kind, MUTATIONS of each kind of
file. Jobs run side by side, one a core.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.faults._commands import NAMES

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
COUNTS = ("injected", "survived")


@dataclass(frozen=True)
class Job:
    """Tests of one row of the table.

    Attributes:
        row: what the row is called.
        tests: words for pytest.
        number: how often each fault is tried.
    """

    row: str
    tests: tuple[str, ...]
    number: int


def jobs(kills: int, mutations: int) -> list[Job]:
    """The rows, the longest first."""
    rows = [
        Job(f"kills of `{name}`", (f"test_kills.py::test_nothing_is_lost[{name}]",), kills)
        for name in NAMES
    ]
    ways = {
        "a file that may not grow": "test_a_file_that_may_not_grow",
        "a full disk": "test_a_disk_that_is_full",
        "full shared memory": "test_shared_memory_that_is_full",
    }
    rows += [Job(row, (f"test_writes.py::{test}",), max(2, kills // 10)) for row, test in ways.items()]
    from tests.faults.mutate import KINDS

    return rows + [
        Job(f"mutations: {kind}", (f"test_mutations.py::test_every_mutation[{kind}]",), mutations)
        for kind in KINDS
    ]


def run(job: Job) -> tuple[Counter, str]:
    """The counts of a job, and what pytest said if it failed."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = os.environ | {
            "COMEDIAN_FAULTS": str(job.number),
            "COMEDIAN_MUTATIONS": str(job.number),
        }
        tests = [str(HERE / test) for test in job.tests]
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            f"--junitxml={report}",
            f"--basetemp={folder}/runs",
            *tests,
        ]
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        counts: Counter = Counter()
        for item in ElementTree.parse(report).iter("property"):
            if item.get("name") in COUNTS:
                counts[item.get("name")] += int(item.get("value") or 0)
    return counts, done.stdout if done.returncode else ""


def main(kills: int, mutations: int) -> int:
    """Run all, write the table, print it and what failed; return the exit status."""
    rows = jobs(kills, mutations)
    lines, trouble = ["| fault | injected | survived |", "|---|---|---|"], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for job, (counts, said) in zip(rows, pool.map(run, rows), strict=True):
            lines.append(f"| {job.row} | {counts['injected']} | {counts['survived']} |")
            print(lines[-1], flush=True)
            trouble += [said] if said else []
    table = "\n".join(lines) + "\n"
    page = PAGE.read_text()
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}{table}{END}", page, flags=re.DOTALL))
    print("\n".join(trouble))
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
