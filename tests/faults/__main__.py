"""Every fault many times, and the table of them in docs/reliability.md.

    python -m tests.faults KILLS MUTATIONS [WORD…]

KILLS of each command, a tenth as many failing writes of each kind, MUTATIONS of each kind of
file; or only the rows that hold a WORD. Jobs run side by side, one a core.
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
HEAD = "| fault | injected | survived |\n|---|---|---|\n"
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
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
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


def main(kills: int, mutations: int, only: list[str]) -> int:
    """Run all rows, or those that hold a word of `only`; write the table, print what failed."""
    rows = [job for job in jobs(kills, mutations) if not only or any(word in job.row for word in only)]
    trouble, found = [], table()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for job, (counts, said) in zip(rows, pool.map(run, rows), strict=True):
            found[job.row] = f"| {job.row} | {counts['injected']} | {counts['survived']} |\n"
            print(found[job.row], end="", flush=True)
            trouble += [said] if said else []
    order = {job.row: number for number, job in enumerate(jobs(kills, mutations))}
    lines = [found[row] for row in sorted(found, key=lambda row: order.get(row, -1))]
    told = "".join([BEGIN, HEAD, *lines, END])
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: told, PAGE.read_text(), flags=re.DOTALL))
    print("\n".join(trouble))
    return 1 if trouble else 0


def table() -> dict[str, str]:
    """The lines of the page's table, by row."""
    lines = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].splitlines(keepends=True)
    return {
        line.split(" | ")[0].removeprefix("| "): line
        for line in lines
        if line[:2] == "| " and line not in HEAD
    }


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
