"""Data that cannot mean what it says: what the commands warn of while they work, and check-data before."""

from collections.abc import Iterable, Sequence

from comedian.data.halves import Halves
from comedian.errors import some_of
from comedian.formats.actions import Action
from comedian.formats.bank import BankTimes
from comedian.formats.lookup import same_game
from comedian.formats.naming import game_name, named

LABEL_SLACK_SECONDS = 1.0  # that a label may lie outside its video without a word
BANK_SLACK_SECONDS = 5.0  # that features may end before or after their video


def inside(actions: Iterable[Action], end_seconds: float) -> list[Action]:
    """The actions within the time of a half that ends there, or a second from it."""
    first_ms, last_ms = -1000 * LABEL_SLACK_SECONDS, 1000 * (end_seconds + LABEL_SLACK_SECONDS)
    return [action for action in actions if first_ms <= action.position_ms <= last_ms]


def remark_lengths(bank: BankTimes, halves: Halves) -> list[str]:
    """Of halves that end at another time in the bank than in their frames."""
    apart = []
    for number, file in enumerate(halves.files):
        ends = bank_end(bank, halves.name_of(number), file.half), float(file.seconds[-1])
        if differ(*ends):
            apart.append(f"{file.path} ends at {ends[1]:.0f} s, in the bank at {ends[0]:.0f} s")
    what = "frames and bank differ in length, so that times may not mean the same"
    return [f"{what}; was build-bank told the rate? {some_of(apart, 1)}"] if apart else []


def bank_end(bank: BankTimes, game: str, half: int) -> float:
    """Seconds of a half's last row, 0 where it has none; InputError if the half is not in the bank."""
    seconds = bank.seconds[bank.rows(game, half)]
    return float(seconds[-1]) if len(seconds) else 0.0


def differ(one_seconds: float, other_seconds: float) -> bool:
    """Whether the ends of features and of frames lie further apart than those of one half do."""
    return abs(one_seconds - other_seconds) > BANK_SLACK_SECONDS


def meant_rate(num_rows: int, end_seconds: float) -> float | None:
    """Rows a second of features that last as long as their half: a whole number, or one a few seconds."""
    rate = num_rows / end_seconds if end_seconds > 0 else 0.0
    nearest = round(rate) if rate >= 1 else 1 / max(1, round(1 / rate)) if rate > 0 else 0
    return nearest if nearest and abs(num_rows / nearest - end_seconds) <= BANK_SLACK_SECONDS else None


def shared_games(videos: Iterable[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Videos of which another is of the same game, by the ends of their names: (video, other)."""
    games = [(other, named(other).game) for other in others]
    found = []
    for video in videos:
        own = named(video).game
        found += [(video, other) for other, game in games if same_game(own, game)][:1]
    return found


def remark_shared(training: Iterable[str], held_out: Sequence[str]) -> list[str]:
    """Of videos to train on that are also of games to validate or test on."""
    pairs = shared_games(training, held_out)
    what = "games to train on are also to validate on, so that the score says little"
    names = list(dict.fromkeys(game_name(video) for video, _ in pairs))
    return [f"{what}: {some_of(names)}"] if names else []
