"""Moments of a bank that are like one of its own."""

import re

import faiss
import numpy as np

from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.clocks import clock
from comedian.formats.naming import half_number, is_game_file


def nearest_moments(
    bank: Bank, game: str, half: int, seconds: float, num: int = 10, apart_seconds: float = 5.0
) -> list[dict]:
    """The moments of a bank most like one of its own, so that a person can check what features mean.

    Rows within `apart_seconds` of the moment in its own half are left out.

    Returns:
        up to `num` dicts: game, half, position ("MM:SS"), seconds, cosine; the most alike first.

    Raises:
        InputError: the half is not in the bank, or ends before the moment.
    """
    rows = bank.rows(game, half)
    end = float(bank.seconds[rows][-1])
    if seconds > end + apart_seconds:
        raise InputError(
            f"{game!r}, half {half}, ends at {clock(end)}", bank.path, "ask for an earlier moment"
        )
    row = int(bank.nearest(game, half, np.array([seconds]))[0])
    near = rows.start + np.flatnonzero(np.abs(bank.seconds[rows] - bank.seconds[row]) <= apart_seconds)
    query = bank.features[row : row + 1].astype(np.float32)
    num_found = min(num + len(near), len(bank))
    cosines, found = faiss.knn(
        query, bank.features.astype(np.float32), num_found, metric=faiss.METRIC_INNER_PRODUCT
    )
    apart = ~np.isin(found[0], near)
    return [_moment(bank, *pair) for pair in zip(found[0][apart], cosines[0][apart], strict=True)][:num]


def parse_moment(text: str, half: int | None = None) -> tuple[str, int, float]:
    """Game, half and seconds of `GAME@MM:SS`, where GAME may end in the name of a half's file.

    Args:
        half: the half; None takes it from the file's name (`…/2_224p.mkv`), else 1.
    """
    game, _, time = text.rpartition("@")
    match = re.fullmatch(r"(\d+):([0-5]\d(?:\.\d+)?)", time)
    if not game or not match:
        raise InputError(f"{text!r} is not GAME@MM:SS", "--query", 'write e.g. --query "2015 A - B@12:34"')
    folder, _, name = game.rpartition("/")
    if folder and is_game_file(name):
        return folder, half or half_number(name), 60 * int(match[1]) + float(match[2])
    return game, half or 1, 60 * int(match[1]) + float(match[2])


def _moment(bank: Bank, row: int, cosine: float) -> dict:
    game, half, seconds = bank.place(int(row))
    return {
        "game": game,
        "half": half,
        "position": clock(seconds),
        "seconds": seconds,
        "cosine": round(float(cosine), 4),
    }
