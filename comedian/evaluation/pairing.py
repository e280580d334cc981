"""Which spots and which labels belong to one game."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from sys import intern

from comedian.errors import InputError, some_of
from comedian.evaluation.cells import GameResult
from comedian.formats.actions import Action, in_halves
from comedian.formats.lookup import Labels, check_half_known
from comedian.formats.naming import Parts, named
from comedian.formats.periods import starts_ms
from comedian.formats.spot import HalfSpot, Spot

Videos = dict[str, list[HalfSpot]]  # spots by video


def collect(spots: Iterable[Spot], games: Iterable[str] = (), whole: bool = False) -> Videos:
    """Spots by video, only what scoring needs or `whole`; `games` are there even when they have none."""
    videos: Videos = {f"{game}/1": [] for game in games}
    for spot in spots:
        if whole:
            videos.setdefault(spot["video"], []).append(spot)
            continue
        label = intern(spot["label"])  # a few texts for millions of spots
        small = HalfSpot(
            half=spot["half"], position_ms=spot["position_ms"], label=label, confidence=spot["confidence"]
        )
        if "video_ms" in spot:
            small["video_ms"] = spot["video_ms"]
        videos.setdefault(spot["video"], []).append(small)
    return videos


def pair(videos: Videos, known: Labels, only_listed: bool = False) -> tuple[list[GameResult], list[str]]:
    """Bring the spots of each video together with its game's labels.

    Args:
        videos: spots by video, from `collect`.
        known: the labels of the videos.
        only_listed: the games of `known` count, also those without a spot, and no others; otherwise the
            games of the videos do.

    Returns:
        the games, and remarks about what was left out.

    Raises:
        InputError: no labels for a video, or two videos hold the same half.
    """
    found, homeless = _by_game(videos, known)
    if homeless and not only_listed:
        raise known.missing(homeless)
    chosen = known.games if only_listed else list(found)
    remarks = [f"not in the list of games, left out: {some_of(homeless)}"] if homeless else []
    if not chosen:
        remarks.append("no spot came in: no game is scored; --games counts those of a list as missed")
    if idle := len(known.games) - len(chosen):
        what = "1 game" if idle == 1 else f"{idle} games"
        remarks.append(f"{what} of {known.given} without a spot left out; --games counts them as missed")
    placed, moved = _placed(videos, found)
    return [_result(game, known.of(game), found.get(game, []), placed) for game in chosen], remarks + moved


def pair_others(
    videos: Videos, known: Labels, games: Sequence[GameResult], name: str
) -> tuple[list[GameResult], list[str]]:
    """Bring other spots together with the same games and labels: `pair`'s, in their order.

    Args:
        videos: those of the other spots.
        known: as for `pair`.
        name: what the other spots are called.

    Returns:
        the games with the other spots in them, none where there are none, and remarks.

    Raises:
        InputError: no video is of any of the games, or two hold the same half.
    """
    found, homeless = _by_game(videos, known)
    wanted = {game.name for game in games}
    homeless += [video for game, names in found.items() if "/".join(game) not in wanted for video in names]
    found = {game: names for game, names in found.items() if "/".join(game) in wanted}
    if videos and games and not found:
        what = f"has no spot of {some_of([game.name for game in games])}"
        raise InputError(what, name, "give spots of the same games")
    remarks = [f"{name}: of other games, left out: {some_of(homeless)}"] if homeless else []
    placed, moved = _placed(videos, found)
    of_game = {"/".join(game): names for game, names in found.items()}
    if missed := [game.name for game in games if game.name not in of_game]:
        remarks.append(f"{name}: no spot of {some_of(missed)}, counted as missed")
    return [_with_spots(game, of_game.get(game.name, []), placed) for game in games], remarks + [
        f"{name}: {remark}" for remark in moved
    ]


def _by_game(videos: Iterable[str], known: Labels) -> tuple[dict[Parts, list[str]], list[str]]:
    """Videos by game, and those that have no labels."""
    found: dict[Parts, list[str]] = {}
    homeless = []
    for video in videos:
        game = known.game_of(video)
        found.setdefault(game, []).append(video) if game else homeless.append(video)
    return found, homeless


def _placed(videos: Videos, found: Mapping[Parts, list[str]]) -> tuple[Videos, list[str]]:
    """The spots of videos in the halves that their names say, and a remark where that is another."""
    placed = {video: _by_name(video, videos[video]) for names in found.values() for video in names}
    moved = [video for video, some in placed.items() if some is not videos[video]]
    what = "spots say another half than the name of their video, which counts"
    return placed, [f"{what}: {some_of(moved)}"] if moved else []


def _by_name(video: str, spots: list[HalfSpot]) -> list[HalfSpot]:
    """The spots of a video, in the half that its name says; the same list where they are."""
    half = named(video).half
    if half is None or all(spot["half"] == half for spot in spots):
        return spots
    return [{**spot, "half": half} for spot in spots]


def _result(game: Parts, actions: list[Action], names: list[str], videos: Videos) -> GameResult:
    starts = starts_ms(spot for name in names for spot in videos[name])
    actions = in_halves(actions, starts)
    for name in names:
        halves = {spot["half"] for spot in videos[name]}
        if not halves <= starts.keys():
            check_half_known(name, halves, actions)
    return _with_spots(GameResult("/".join(game), actions, ()), names, videos)


def _with_spots(game: GameResult, names: Sequence[str], videos: Videos) -> GameResult:
    """A game with the spots of some videos in place of its own; InputError if two hold the same half."""
    owner: dict[int, str] = {}
    for name in names:
        for half in {spot["half"] for spot in videos[name]}:
            if (other := owner.setdefault(half, name)) != name:
                raise InputError(f"{other} and {name} both hold half {half}", None, "give one of them")
    spots = [spot for name in names for spot in videos[name]]
    return replace(game, spots=spots, videos=tuple(names))
