"""A game of SoccerNet and spots of it."""

from comedian.formats.spots import KEYS

GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


def spot(half=1, position_ms=1234500, label="Goal", confidence=0.91, video=None, **more):
    video = video or f"data/{GAME}/{half}_224p.mkv"
    return dict(zip(KEYS, (video, half, position_ms, label, confidence), strict=True)) | more


SOME = [
    spot(1, 170500, "Penalty", 0.7775513529777527),
    spot(1, 180500, "Goal", 1 / 3),
    spot(2, 2707999, "Yellow card", 1e-3),
    spot(1, 0, "Goal", 1.0, video="data/a/b/c/1_224p.mkv"),
]
