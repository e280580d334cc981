"""Learning rate per step, and seeds per step."""

import hashlib
import math

from comedian.recipes.stages import OptimRecipe


def learning_rate(step: int, steps_per_epoch: int, optim: OptimRecipe, peak: float) -> float:
    """Linear from 0 to `peak` over the warm-up, then a cosine down to `final_lr` × peak.

    Args:
        step: number of the step, from 0.
    """
    warmup = optim.warmup_epochs * steps_per_epoch
    if step < warmup:
        return peak * step / warmup
    share = (step - warmup) / max(optim.epochs * steps_per_epoch - warmup, 1)
    final = optim.final_lr * peak
    return final + (peak - final) * (1 + math.cos(math.pi * share)) / 2


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed for one draw, from the run's seed and what it is drawn for.

    Draws depend on nothing but their place in the run, so a resumed run repeats them exactly.
    """
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
