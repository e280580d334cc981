"""How a step is run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from comedian.progress import NotedReport, silent

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Run:
    """How a step is run; with the same seed nothing here changes what is learned.

    Attributes:
        output: the weights file; beside it lie the state for resuming and what step 3 has so far, while
            the step runs, and the epochs' records for good.
        workers: threads that decode frames.
        recompute: keep only the inputs of blocks and compute the rest again on the way back.
        resume: go on from that state, if there is one.
        made_from: option -> what it named, such as a hash; a run goes on only with the same.
        report: moves a progress bar.
        emit: takes one dict per epoch, just before its state is kept.
        scalar: takes values of curves: name, value, epoch or iteration (`comedian.training.board`).
    """

    output: Path
    device: torch.device
    workers: int = 2
    seed: int = 0
    recompute: bool = False
    resume: bool = False
    made_from: dict[str, str | None] = field(default_factory=dict)
    report: NotedReport = silent
    emit: Callable[[dict], None] = lambda record: None
    scalar: Callable[[str, float, int], None] | None = None

    @property
    def state_path(self) -> Path:
        """Where the state for resuming lies."""
        return self.output.with_name(f"{self.output.name}.resume")

    @property
    def epochs_path(self) -> Path:
        """Where the epochs' records are kept, a JSON object a line."""
        return self.output.with_name(f"{self.output.name}.epochs")

    @property
    def so_far_path(self) -> Path:
        """Where step 3 keeps the spotter that it would end with if it ended now."""
        return self.output.with_name(f"{self.output.name.removesuffix(SUFFIX)}.so-far{SUFFIX}")

    @property
    def written(self) -> tuple[Path, ...]:
        """All files that a run writes."""
        return self.output, self.state_path, self.epochs_path, self.so_far_path
