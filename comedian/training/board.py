"""Curves of a run in a folder of TensorBoard's event files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comedian.errors import InputError

FLUSH_SECONDS = 10  # after which what was told can be looked at
EVENTS = "events.out.tfevents.*"  # as TensorBoard names its files
Scalar = Callable[[str, float, int], None]  # name, value, epoch or iteration


@contextmanager
def board(folder: Path, resumed: bool, say: Callable[[str], None] = print) -> Iterator[Scalar]:
    """Yield what writes values of curves into a folder, which is made when the first one comes.

    A resumed run adds a file to those of the run that it goes on with; what it does again it tells again.

    Args:
        resumed: whether curves that are there already are of the same run.
        say: takes a remark where they are not.

    Raises:
        InputError: the package tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # here, for the package is optional
    except ImportError:
        what = "needs the package tensorboard, which is not installed"
        raise InputError(what, "--tensorboard", "pip install tensorboard") from None
    if not resumed and any(folder.glob(EVENTS)):
        say(f"{folder} holds curves of an earlier run, those of this one are drawn over them")
    writers: list[Any] = []

    def scalar(name: str, value: float, at: int) -> None:
        if not writers:
            writers.append(SummaryWriter(str(folder), flush_secs=FLUSH_SECONDS))
        writers[0].add_scalar(name.replace(" ", "_"), value, at)

    try:
        yield scalar
    finally:
        for writer in writers:
            writer.close()
