"""Small pictures of a page's moments, out of their videos."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import simplejpeg

from comedian.errors import some_of
from comedian.formats.naming import text_of
from comedian.pages.timeline import Match, place_seconds
from comedian.progress import Report, silent
from comedian.video.stills import stills

HEIGHT = 90  # pixels
QUALITY = 70  # of a JPEG, 0 to 100: about 3 kB a picture


def thumbnails(
    match: Match, most: int, say: Callable[[str], None] = print, report: Report = silent
) -> dict[int, bytes]:
    """JPEG pictures of a match's moments by their place in `match.shown`: labels, then the surest spots.

    Args:
        most: how many.
        say: takes a remark about each video that isn't there, and about moments past a video's end.

    Raises:
        InputError: a video is there and cannot be decoded.
    """
    wanted: dict[Path, dict[int, float]] = {}
    spots = match.shown[:most]
    halves = {(spot["video"], spot["half"]) for spot in spots}
    starts = {half: match.start_seconds(*half) for half in halves}
    for number, spot in enumerate(spots):
        second = starts[spot["video"], spot["half"]] + place_seconds(spot)
        wanted.setdefault(match.file(spot["video"]), {})[number] = second
    if absent := [path for path in wanted if not path.is_file()]:
        names = some_of([text_of(path) for path in absent])
        say(f"no thumbnails of {names}: no such video; name it with --video")
    total = sum(len(places) for path, places in wanted.items() if path not in absent)
    made: dict[int, bytes] = {}
    for path, places in wanted.items():
        for number, picture in _of_video(path, places) if path not in absent else ():
            made[number] = picture
            report("thumbnails", len(made), total)
    report("thumbnails", total, total)
    if len(made) < total:
        past = f"{total - len(made)} of {total} moments"
        say(f"{past} lie past the end of their video, and have no thumbnail")
    return made


def _of_video(path: Path, places: Mapping[int, float]) -> Iterator[tuple[int, bytes]]:
    """Pictures of one video by number; moments may share a second."""
    by_second: dict[float, list[int]] = {}
    for number, second in places.items():
        by_second.setdefault(second, []).append(number)
    for second, picture in stills(path, by_second, HEIGHT):
        blob = simplejpeg.encode_jpeg(picture, QUALITY, colorsubsampling="420")
        yield from ((number, blob) for number in by_second[second])
