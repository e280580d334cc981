"""How soon the page of draw-timeline opens, and how large it is: 90 minutes, 17 classes, 4,000 spots.

Each opening is the first of a browser that was just started with an empty profile: nothing of the page is
in a cache, its script is compiled anew. Times are the browser's own, from its request for the page.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from _measure import BUILD, Row, interleaved, options, table

from comedian.formats.scores import Scores
from comedian.formats.spot import Spot
from comedian.pages.timeline import Match, page
from comedian.recipes.model import SOCCERNET_CLASSES

sys.path.append(str(Path(__file__).parents[2]))  # of tests.pages, beside which no package is installed

POSITIONS = 5412  # of a half of 45 minutes, two a second
SPOTS = 4000  # as many as a page shows
THUMBNAIL_BYTES = 3000
EVENTS = """new Promise((done) => {
  const [start] = performance.getEntriesByType("navigation");
  const told = ({ startTime }) => done([start.domContentLoadedEventEnd, startTime]);
  new PerformanceObserver((list) => list.getEntriesByName("first-contentful-paint").forEach(told))
    .observe({ type: "paint", buffered: true });
})"""


def main() -> None:
    """A table of seconds to the parsed and to the painted page, and of its size."""
    asked = options(__doc__).parse_args()
    pages = {
        "90 minutes, 17 classes": _page("plain", POSITIONS // (8 if asked.quick else 1), 0),
        "the same, 100 thumbnails": _page("thumbnails", POSITIONS // (8 if asked.quick else 1), 100),
    }
    found = interleaved(pages, asked.rounds, opened)
    rows = []
    for what, costs in found.items():
        rows.append(Row(f"{what}: parsed and drawn", [cost[0] for cost in costs], (), "<= 1"))
        rows.append(Row(f"{what}: first paint", [cost[1] for cost in costs], (), "<= 1"))
        rows.append(Row(f"{what}: size", [pages[what].stat().st_size / 1e6], (), "<= 5", "MB"))
    table(rows)


def opened(path: Path) -> tuple[float, float]:
    """Seconds from the request to DOMContentLoaded, when the script has run, and to the first paint."""
    from tests.pages.browser import browser

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, browser(Path(profile)) as tab:
        parsed, painted = tab.open(path).run(EVENTS)
    return parsed / 1000, painted / 1000


def _page(name: str, positions: int, thumbnails: int) -> Path:
    """A page in a file: scores with noise in each cell, spots anywhere, pictures that do not compress."""
    rng, videos = np.random.default_rng(0), ("L/S/G/1_x.mkv", "L/S/G/2_x.mkv")
    seconds = np.arange(positions) / 2
    scores = [
        Scores(video, half, seconds, rng.random((positions, len(SOCCERNET_CLASSES)), np.float32))
        for half, video in enumerate(videos, 1)
    ]
    spots = [
        Spot(
            video=videos[number % 2],
            half=1 + number % 2,
            position_ms=int(rng.integers(500 * positions)),
            label=SOCCERNET_CLASSES[number % len(SOCCERNET_CLASSES)],
            confidence=float(rng.random()),
        )
        for number in range(SPOTS)
    ]
    pictures = {number: rng.bytes(THUMBNAIL_BYTES) for number in range(thumbnails)}
    path = BUILD / f"page-{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(Match(spots, None, scores, SOCCERNET_CLASSES), path.parent, pictures))
    return path


if __name__ == "__main__":
    main()
