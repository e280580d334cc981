"""A training step on cores that are shared: OpenMP's threads asleep while they wait, as our commands have
them, beside spinning ones, libgomp's default."""

import subprocess
import sys
from contextlib import ExitStack, contextmanager

from _measure import BUILD, Row, child, interleaved, options, table

from comedian.video.parallel import cores

SPIN = "GOMP_SPINCOUNT=300000"  # libgomp's default; it goes before OMP_WAIT_POLICY
TRAIN = """
import torch
torch.set_num_threads({threads})
layer = torch.nn.TransformerEncoderLayer(128, 4, 256, batch_first=True)
network = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
windows = torch.randn(16, 128, 128)
for _ in range({steps}):
    network(windows).mean().backward()
"""


def main() -> None:
    """Seconds of steps of a temporal transformer's size, alone and beside busy processes."""
    asked = options(__doc__).parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-c", TRAIN.format(threads=cores(), steps=5 if asked.quick else 20)]
    cases = {"asleep": ["env", "OMP_WAIT_POLICY=PASSIVE", *words], "spinning": ["env", SPIN, *words]}
    for others, target in ((0, "<= 1.2"), (cores(), "<= 0.5")):
        with busy(others):
            found = interleaved(cases, asked.rounds, lambda line: child(line).wall_seconds)
        table([Row(f"steps beside {others} busy processes", *found.values(), target)])


@contextmanager
def busy(number: int):
    """Processes that work all the time."""
    with ExitStack() as stack:
        for _ in range(number):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


if __name__ == "__main__":
    main()
