"""The gradient of a batch, the whole of it at once or part by part.

Letters: B clips of a batch in this process.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from comedian.errors import InputError
from comedian.training.drawn import Drawn


def parts_of(batch: int, number: int, together: int = 1) -> list[slice]:
    """A batch in so many parts, none more than `together` clips longer than another.

    Args:
        batch: clips of a process.
        together: neighbours that stay in one part: 2 where windows are mixed in pairs.

    Raises:
        InputError: the batch has too few clips for so many parts.
    """
    units = -(-batch // together)
    if number > units:
        of_what = "clips" if together == 1 else f"clips, {together} of which stay together,"
        what = f"a process's {batch} {of_what} cannot be passed in {number} parts"
        raise InputError(what, remedy=f"lower accumulate to {units}")
    edges = [min(units * part // number * together, batch) for part in range(number + 1)]
    return [slice(*edge) for edge in pairwise(edges)]


def backward(
    model: nn.Module,
    batch: Sequence[Tensor],
    drawn: Drawn,
    parts: Sequence[slice],
    precision: torch.autocast,
) -> Tensor:
    """Add the gradient of a batch's loss to the parameters; return the loss, a scalar without a graph.

    The loss is a mean over clips, so that of a part counts as its share of them. Processes exchange
    gradients once, with the last part.

    Args:
        model: its forward(*batch, drawn) is the loss of some clips.
        batch: tensors (B, ...).
        drawn: for the whole batch, whatever the parts.
        parts: of the batch.
    """
    losses = []
    for part in parts:
        last = part is parts[-1]
        with nullcontext() if last else _alone(model):
            with precision:
                loss = model(*(tensor[part] for tensor in batch), drawn[part])
            if len(parts) > 1:
                loss = loss * ((part.stop - part.start) / len(batch[0]))
            loss.backward()
        losses.append(loss.detach())
    return losses[0] if len(parts) == 1 else torch.stack(losses).sum()


def _alone(model: nn.Module) -> AbstractContextManager:
    """Gradients stay in this process."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()
