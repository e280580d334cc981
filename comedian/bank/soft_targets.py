"""Soft targets of a bank's rows, exact (section 3.3, Eq. 3-4).

Letters: M rows of the bank, K their width.
"""

import torch
from torch import Tensor

from comedian.losses.attention import BLOCK_ROWS, Distinct, relate_to_others
from comedian.progress import Report, silent
from comedian.recipes.bank import BankRecipe

QUERY_ROWS = 1024  # rows whose soft targets are computed together


def soft_targets(
    features: Tensor,
    temperature_m: float = BankRecipe.temperature_m,
    block: int = BLOCK_ROWS,
    report: Report = silent,
) -> Tensor:
    """m_i = Σ_k s2_ik P_k of each bank row, over the bank without rows equal to it (Eq. 4).

    QUERY_ROWS × block scores are held.

    Args:
        features: (M, K) unit rows.
        temperature_m: τ_m.
        block: rows in flight; changes memory and rounding only.

    Returns:
        (M, K) float32, or float64 for float64 features.
    """
    distinct = Distinct.of(features)
    means = []
    for index in torch.arange(len(distinct.rows), device=features.device).split(QUERY_ROWS):
        means.append(relate_to_others(index, distinct, temperature_m, block)[1])
        report("soft targets", int(index[-1]) + 1, len(distinct.rows))
    return torch.cat(means)[distinct.inverse]
